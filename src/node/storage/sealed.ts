// Files on the ESP that only this machine can read: ExtendedSealedBytes, one form for all.
//
//   payload ── AES-256-GCM ──▶ encrypted payload      what it is for, and whose, is authenticated
//                   ▲                                 with it
//   random key, sealed by the TPM; or a key made of the node unlock key
//
// Without a TPM the payload lies in the open, and says so.
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hkdf } from "../../base/pki/hkdf.ts";
import {
  type ExtendedSealedBytes as Envelope,
  ExtendedSealedBytesSchema as EnvelopeSchema,
  ExtendedSealedBytes_Guard as Guard,
  ExtendedSealedBytes_Purpose as Purpose,
} from "../../gen/metropolis/proto/private/private_pb.ts";

export { type Envelope, Guard, Purpose };

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What something sealed is for, and whose it is. */
export interface Label {
  readonly purpose: Purpose;
  readonly nodeId: string;
  /** See {@link clusterOf}. */
  readonly cluster: Uint8Array;
}

/** A key as a TPM has sealed it. */
export interface SealedKey {
  readonly sealedKey: Uint8Array;
  /** The TPM's name of the policy key. */
  readonly policyKey: Uint8Array;
  readonly epoch: number;
}

/** A blob that this machine, as it is now, cannot open, or a machine that cannot seal. */
export class SealError extends Error {
  override readonly name = "SealError";

  constructor(
    message: string,
    /** What a person can do, as a sentence. */
    readonly advice: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const INSTALL_AGAIN = "Install the node again";

const purposes: Readonly<Record<Purpose, string>> = {
  [Purpose.INVALID]: "nothing known",
  [Purpose.CONFIGURATION]: "a node's configuration",
  [Purpose.REGISTRATION]: "a registration",
  [Purpose.RECOVERY_SHARE]: "a recovery share",
};

/** How a cluster is named in what is sealed: SHA-256 of the DER of its CA. */
export function clusterOf(ca: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(ca).digest());
}

/** A key for one payload. */
export function payloadKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/** All of the envelope but the payload itself, and what only the reader knows of it. */
function authenticated(envelope: Envelope, detail: string): Uint8Array {
  const { guard, purpose, nodeId, cluster, policyKey, epoch, sealedKey } = envelope;
  const bytes = [cluster, policyKey, sealedKey].map((part) => part.toHex());
  const lines = ["metropolis sealed bytes", guard, purpose, nodeId, ...bytes, epoch, detail];
  return new TextEncoder().encode(lines.join("\n"));
}

/** Nonce, ciphertext, tag. */
function encrypt(key: Uint8Array, payload: Uint8Array, more: Uint8Array): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(more);
  const parts = [nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat(parts));
}

function decrypt(key: Uint8Array, encrypted: Uint8Array, more: Uint8Array): Uint8Array {
  const nonce = encrypted.subarray(0, NONCE_BYTES);
  const body = encrypted.subarray(NONCE_BYTES, -TAG_BYTES);
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, options).setAAD(more);
  decipher.setAuthTag(encrypted.subarray(-TAG_BYTES));
  return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
}

/** A payload under a key that a TPM has sealed; in the open without one. */
export function closeEnvelope(
  label: Label,
  payload: Uint8Array,
  lock?: SealedKey & { readonly key: Uint8Array },
): Uint8Array {
  if (lock === undefined) {
    const open = { ...label, guard: Guard.NONE, plaintext: payload };
    return toBinary(EnvelopeSchema, create(EnvelopeSchema, open));
  }
  const { key, ...sealed } = lock;
  const envelope = create(EnvelopeSchema, { ...label, ...sealed, guard: Guard.TPM });
  envelope.encryptedPayload = encrypt(key, payload, authenticated(envelope, ""));
  return toBinary(EnvelopeSchema, envelope);
}

/** Reads an envelope; throws a {@link SealError} if it is none, or one for another purpose. */
export function readEnvelope(bytes: Uint8Array, purpose: Purpose): Envelope {
  const envelope = parse(bytes);
  if (envelope === undefined || envelope.guard === Guard.INVALID) {
    throw new SealError("it is damaged, or in the form of an earlier release", INSTALL_AGAIN);
  }
  if (envelope.purpose === purpose) return envelope;
  const found = purposes[envelope.purpose] ?? purposes[Purpose.INVALID];
  throw new SealError(`it is ${found}, not ${purposes[purpose]}`, INSTALL_AGAIN);
}

function parse(bytes: Uint8Array): Envelope | undefined {
  try {
    return fromBinary(EnvelopeSchema, bytes);
  } catch {
    return undefined;
  }
}

/** The payload of an envelope, with the key that its guard gave. */
export function openEnvelope(envelope: Envelope, key: Uint8Array, detail = ""): Uint8Array {
  try {
    return decrypt(key, envelope.encryptedPayload, authenticated(envelope, detail));
  } catch (cause) {
    throw new SealError("it was changed, or belongs elsewhere", INSTALL_AGAIN, { cause });
  }
}

/** Whose node unlock key guards something. */
export interface Holder {
  readonly nodeId: string;
  /** DER. */
  readonly clusterCa: Uint8Array;
  readonly nodeUnlockKey: Uint8Array;
}

function shareKey({ nodeUnlockKey }: Holder): Uint8Array {
  return hkdf(nodeUnlockKey, { info: "metropolis recovery share v2", bytes: KEY_BYTES });
}

/** A recovery share under the node unlock key; `detail` says which share it is. */
export function closeShare(holder: Holder, detail: string, payload: Uint8Array): Uint8Array {
  const { nodeId, clusterCa } = holder;
  const envelope = create(EnvelopeSchema, {
    guard: Guard.NODE_UNLOCK_KEY,
    purpose: Purpose.RECOVERY_SHARE,
    nodeId,
    cluster: clusterOf(clusterCa),
  });
  const more = authenticated(envelope, detail);
  envelope.encryptedPayload = encrypt(shareKey(holder), payload, more);
  return toBinary(EnvelopeSchema, envelope);
}

/** Opens what `closeShare` made for this very holder; throws a {@link SealError} else. */
export function openShareEnvelope(holder: Holder, detail: string, bytes: Uint8Array): Uint8Array {
  const envelope = readEnvelope(bytes, Purpose.RECOVERY_SHARE);
  const cluster = Buffer.from(clusterOf(holder.clusterCa));
  const isOwn = envelope.nodeId === holder.nodeId && cluster.equals(envelope.cluster);
  if (isOwn && envelope.guard === Guard.NODE_UNLOCK_KEY) {
    return openEnvelope(envelope, shareKey(holder), detail);
  }
  throw new SealError("it is a share of another node", INSTALL_AGAIN);
}
