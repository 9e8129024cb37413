// The form of a sealed blob: the sealed key's two parts as the TPM gave them, each after its
// length, then the payload under that key.
import { TpmError } from "./tpm-error.ts";

/** AES-256. */
export const KEY_BYTES = 32;

const MAGIC = new TextEncoder().encode("METROTPM1\n");
const LENGTH_BYTES = 4;
const NONCE_BYTES = 12;

/** What a blob holds. */
export interface Blob {
  /** The TPM's public description of the sealed key, with the policy in it. */
  readonly publicPart: Uint8Array;
  /** The sealed key, encrypted by the TPM. */
  readonly privatePart: Uint8Array;
  readonly nonce: Uint8Array;
  /** With the authentication tag at its end. */
  readonly ciphertext: Uint8Array;
}

function prefixed(bytes: Uint8Array): readonly Uint8Array[] {
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return [length, bytes];
}

/** Puts a blob together. */
export function encodeBlob({ publicPart, privatePart, nonce, ciphertext }: Blob): Uint8Array {
  return Uint8Array.from(
    Buffer.concat([
      MAGIC,
      ...prefixed(publicPart),
      ...prefixed(privatePart),
      ...prefixed(nonce),
      ...prefixed(ciphertext),
    ]),
  );
}

/** Takes a blob apart; throws a {@link TpmError} of kind `blob` if it is none. */
export function decodeBlob(bytes: Uint8Array): Blob {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (Buffer.compare(bytes.subarray(0, MAGIC.length), MAGIC) !== 0) {
    throw new TpmError("blob", "read a sealed blob: it does not begin like one");
  }
  let at = MAGIC.length;
  const field = () => {
    const end = at + LENGTH_BYTES + (at + LENGTH_BYTES <= bytes.length ? view.getUint32(at) : 0);
    if (at + LENGTH_BYTES > bytes.length || end > bytes.length) {
      throw new TpmError("blob", "read a sealed blob: it ends early");
    }
    const part = bytes.slice(at + LENGTH_BYTES, end);
    at = end;
    return part;
  };
  const blob = { publicPart: field(), privatePart: field(), nonce: field(), ciphertext: field() };
  if (at !== bytes.length) throw new TpmError("blob", "read a sealed blob: it goes on too long");
  return blob;
}

async function importKey(key: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", Uint8Array.from(key), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
}

/** Encrypts a payload under a key that is used for nothing else. */
export async function sealPayload(
  key: Uint8Array,
  payload: Uint8Array,
): Promise<Pick<Blob, "nonce" | "ciphertext">> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const parameters = { name: "AES-GCM", iv: nonce };
  const ciphertext = await crypto.subtle.encrypt(
    parameters,
    await importKey(key),
    Uint8Array.from(payload),
  );
  return { nonce, ciphertext: new Uint8Array(ciphertext) };
}

/** Opens what {@link sealPayload} made; throws a {@link TpmError} of kind `blob` if it was changed. */
export async function openPayload(
  key: Uint8Array,
  { nonce, ciphertext }: Pick<Blob, "nonce" | "ciphertext">,
): Promise<Uint8Array> {
  const parameters = { name: "AES-GCM", iv: Uint8Array.from(nonce) };
  try {
    const imported = await importKey(key);
    return new Uint8Array(
      await crypto.subtle.decrypt(parameters, imported, Uint8Array.from(ciphertext)),
    );
  } catch (cause) {
    throw new TpmError("blob", "open a sealed blob: it is damaged", { cause });
  }
}
