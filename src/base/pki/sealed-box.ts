// Encryption to a public key that needs no secret of the sender's: a fresh
// X25519 key agrees with the receiver's, HKDF makes a key of the agreement,
// AES-256-GCM does the rest.
//
//   version (1) ‖ sender's public key (32) ‖ ciphertext ‖ tag (16)
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { hkdf } from "./hkdf.ts";

/** An X25519 key pair, raw. */
export interface BoxKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A box that cannot be opened: damaged, or meant for another key. */
export class SealedBoxError extends Error {
  override readonly name = "SealedBoxError";
}

const VERSION = 1;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_BYTES;
const SPKI_HEAD = Buffer.from("302a300506032b656e032100", "hex");
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");

/** A nonce may be constant here: every box has a key of its own. */
const NONCE = new Uint8Array(12);

/** A new key pair for receiving boxes. */
export function generateBoxKeyPair(): BoxKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  return {
    publicKey: rawPublic(publicKey),
    privateKey: new Uint8Array(
      privateKey.export({ type: "pkcs8", format: "der" }).subarray(PKCS8_HEAD.length),
    ),
  };
}

/**
 * The key pair of a raw private key that was stored.
 *
 * Throws a {@link SealedBoxError} when it is not 32 bytes.
 */
export function boxKeyPair(privateKey: Uint8Array): BoxKeyPair {
  if (privateKey.length !== KEY_BYTES) {
    throw new SealedBoxError(`private key has ${privateKey.length} bytes, want ${KEY_BYTES}`);
  }
  return { privateKey, publicKey: rawPublic(createPublicKey(privateObject(privateKey))) };
}

/** Encrypts bytes so that only the holder of the private key can read them. */
export function encryptTo(publicKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  const sender = generateKeyPairSync("x25519");
  const senderKey = rawPublic(sender.publicKey);
  const key = agree(sender.privateKey, publicObject(publicKey), senderKey, publicKey);
  const head = Buffer.concat([Buffer.of(VERSION), senderKey]);
  const cipher = createCipheriv("aes-256-gcm", key, NONCE).setAAD(head);
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return new Uint8Array(Buffer.concat([head, body, cipher.getAuthTag()]));
}

/** Opens a box; throws a {@link SealedBoxError} if it is not for this key or damaged. */
export function decryptWith({ privateKey, publicKey }: BoxKeyPair, box: Uint8Array): Uint8Array {
  if (box.length < HEAD_BYTES + TAG_BYTES || box[0] !== VERSION) {
    throw new SealedBoxError("not a sealed box");
  }
  const head = box.subarray(0, HEAD_BYTES);
  const senderKey = head.subarray(1);
  try {
    const key = agree(privateObject(privateKey), publicObject(senderKey), senderKey, publicKey);
    const decipher = createDecipheriv("aes-256-gcm", key, NONCE)
      .setAAD(head)
      .setAuthTag(box.subarray(box.length - TAG_BYTES));
    const body = decipher.update(box.subarray(HEAD_BYTES, box.length - TAG_BYTES));
    return new Uint8Array(Buffer.concat([body, decipher.final()]));
  } catch (cause) {
    throw new SealedBoxError("sealed box does not open with this key", { cause });
  }
}

/** The key of one box; both public keys go in, so that neither can be exchanged. */
function agree(
  privateKey: KeyObject,
  publicKey: KeyObject,
  senderKey: Uint8Array,
  receiverKey: Uint8Array,
): Uint8Array {
  const secret = diffieHellman({ privateKey, publicKey });
  const salt = Buffer.concat([senderKey, receiverKey]);
  return hkdf(secret, { salt, info: "metropolis sealed box v1", bytes: 32 });
}

function privateObject(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, raw]), type: "pkcs8", format: "der" });
}

function publicObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), type: "spki", format: "der" });
}

function rawPublic(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: "spki", format: "der" }).subarray(SPKI_HEAD.length));
}
