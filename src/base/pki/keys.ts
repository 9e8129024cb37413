// Ed25519 key pairs and the forms they are stored in: PKCS #8 and SPKI, PEM
// or DER, and the operator's key file.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { KeyError, PUBLIC_KEY_BYTES } from "./node-id.ts";

/** An Ed25519 key pair. */
export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32 random bytes that the private key is made from: secret. */
  readonly seed: Uint8Array;
}

const SEED_BYTES = 32;

/** What stands before the seed in PKCS #8, and before the key in SPKI. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

const OWNER_KEY_LABEL = "METROPOLIS INITIAL OWNER PRIVATE KEY";

/** A new key pair. */
export function generateKeyPair(): KeyPair {
  return fromPrivateKey(generateKeyPairSync("ed25519").privateKey);
}

/** The key pair that belongs to a seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  if (seed.length !== SEED_BYTES) {
    throw new KeyError(`seed has ${seed.length} bytes, want ${SEED_BYTES}`);
  }
  return fromPrivateKey(privateKeyObject(seed));
}

function fromPrivateKey(privateKey: KeyObject): KeyPair {
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  if (privateKey.asymmetricKeyType !== "ed25519" || der.length !== PKCS8_HEAD.length + SEED_BYTES) {
    throw new KeyError("private key is not an Ed25519 key");
  }
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  return { publicKey, seed: new Uint8Array(der.subarray(PKCS8_HEAD.length)) };
}

/** The private key of a seed, as node:crypto wants it. */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_HEAD, seed]);
  return createPrivateKey({ key, type: "pkcs8", format: "der" });
}

/** A public key of 32 bytes, as node:crypto wants it. */
export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const key = Buffer.concat([SPKI_HEAD, publicKey]);
  return createPublicKey({ key, type: "spki", format: "der" });
}

/** The 32 bytes of a public key; throws a {@link KeyError} if it is not Ed25519. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== "ed25519") throw new KeyError("public key is not an Ed25519 key");
  const der = key.export({ type: "spki", format: "der" });
  return new Uint8Array(der.subarray(der.length - PUBLIC_KEY_BYTES));
}

/** The private key in PKCS #8, DER. */
export function privateKeyDer({ seed }: KeyPair): Uint8Array {
  return new Uint8Array(Buffer.concat([PKCS8_HEAD, seed]));
}

/** The private key in PKCS #8, PEM. */
export function privateKeyPem(pair: KeyPair): string {
  return encodePem("PRIVATE KEY", privateKeyDer(pair));
}

/** Reads a key pair from PKCS #8, PEM. */
export function keyPairFromPem(pem: string): KeyPair {
  return keyPairFromDer(decodePem("PRIVATE KEY", pem));
}

/** Reads a key pair from PKCS #8, DER. */
export function keyPairFromDer(der: Uint8Array): KeyPair {
  try {
    const key = Buffer.from(der);
    return fromPrivateKey(createPrivateKey({ key, type: "pkcs8", format: "der" }));
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError("private key is not in PKCS #8", { cause });
  }
}

/** A public key in SPKI, DER. */
export function publicKeyDer(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([SPKI_HEAD, publicKey]));
}

/** The operator's key file: seed and public key, one after the other, as PEM. */
export function ownerKeyFile({ seed, publicKey }: KeyPair): string {
  return encodePem(OWNER_KEY_LABEL, Buffer.concat([seed, publicKey]));
}

/** Reads the operator's key file. */
export function readOwnerKeyFile(pem: string): KeyPair {
  const bytes = decodePem(OWNER_KEY_LABEL, pem);
  if (bytes.length !== SEED_BYTES + PUBLIC_KEY_BYTES) {
    throw new KeyError(
      `owner key has ${bytes.length} bytes, want ${SEED_BYTES + PUBLIC_KEY_BYTES}`,
    );
  }
  const pair = keyPairFromSeed(bytes.subarray(0, SEED_BYTES));
  if (Buffer.compare(pair.publicKey, bytes.subarray(SEED_BYTES)) !== 0) {
    throw new KeyError("owner key is damaged: its halves do not belong together");
  }
  return pair;
}

/** Wraps bytes as PEM. */
export function encodePem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The bytes of the only PEM block with this label; text around it is ignored. */
export function decodePem(label: string, pem: string): Uint8Array {
  const blocks = pem.split(`-----BEGIN ${label}-----`);
  const [body, end] = (blocks[1] ?? "").split(`-----END ${label}-----`);
  if (blocks.length !== 2 || body === undefined || end === undefined) {
    throw new KeyError(`want exactly one PEM block ${label}`);
  }
  const text = body.replace(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new KeyError(`PEM block ${label} is damaged`);
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** A certificate as PEM. */
export function certificatePem(der: Uint8Array): string {
  return encodePem("CERTIFICATE", der);
}

/** The DER of a certificate in PEM. */
export function certificateDer(pem: string): Uint8Array {
  return decodePem("CERTIFICATE", pem);
}
