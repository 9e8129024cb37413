// Files on the ESP that only this machine can read: ExtendedSealedBytes.
//
// A TPM seals a few dozen bytes, so it seals a key and the payload is encrypted
// with that (AES-256-GCM). Without a TPM the payload lies in the open, and says so.
import { createCipheriv, createDecipheriv } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ExtendedSealedBytesSchema } from "../../gen/metropolis/proto/private/private_pb.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What seals: a TPM, in the state that the machine is in now. */
export interface Sealer {
  seal(secret: Uint8Array): Promise<Uint8Array>;
  unseal(sealed: Uint8Array): Promise<Uint8Array>;
}

/** A blob that this machine, as it is now, cannot open. */
export class SealError extends Error {
  override readonly name = "SealError";
}

/** AES-256-GCM: nonce, ciphertext, tag. */
export function encrypt(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const parts = [nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat(parts));
}

/** Opens what `encrypt` made; throws if it was changed, or made with another key. */
export function decrypt(key: Uint8Array, encrypted: Uint8Array): Uint8Array {
  const nonce = encrypted.subarray(0, NONCE_BYTES);
  const body = encrypted.subarray(NONCE_BYTES, -TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAuthTag(encrypted.subarray(-TAG_BYTES));
  return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
}

/** Seals a payload of any length; in the open when there is no sealer. */
export async function sealPayload(
  payload: Uint8Array,
  sealer: Sealer | undefined,
): Promise<Uint8Array> {
  if (sealer === undefined) {
    return toBinary(
      ExtendedSealedBytesSchema,
      create(ExtendedSealedBytesSchema, { plaintext: payload }),
    );
  }
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const blob = create(ExtendedSealedBytesSchema, {
    sealedKey: await sealer.seal(key),
    encryptedPayload: encrypt(key, payload),
  });
  return toBinary(ExtendedSealedBytesSchema, blob);
}

/** What was sealed, and whether a TPM guarded it. */
export interface Unsealed {
  readonly payload: Uint8Array;
  readonly isSealed: boolean;
}

/** Opens a sealed payload. Throws a {@link SealError} where this machine cannot. */
export async function unsealPayload(
  bytes: Uint8Array,
  sealer: Sealer | undefined,
): Promise<Unsealed> {
  try {
    const blob = fromBinary(ExtendedSealedBytesSchema, bytes);
    if (blob.sealedKey.length === 0) return { payload: blob.plaintext, isSealed: false };
    if (sealer === undefined) throw new SealError("there is no TPM");
    const key = await sealer.unseal(blob.sealedKey);
    return { payload: decrypt(key, blob.encryptedPayload), isSealed: true };
  } catch (cause) {
    throw new SealError("unseal: not by this machine in its present state", { cause });
  }
}
