// The name of a node, which follows from its public key.

/** Length of an Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32;

/** Bytes of the public key that the ID holds; more would not fit into a DNS label. */
const ID_BYTES = 16;

/** Keeps the fingerprint apart from every other hash of a key. */
const FINGERPRINT_LABEL = "metropolis node fingerprint v1";

const PATTERN = /^metropolis-[0-9a-f]{32}$/;

/** The ID of the node with this public key. */
export function nodeId(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new KeyError(`public key has ${publicKey.length} bytes, want ${PUBLIC_KEY_BYTES}`);
  }
  return `metropolis-${Buffer.from(publicKey.subarray(0, ID_BYTES)).toString("hex")}`;
}

/**
 * A short form of a node's public key, `xxxx-xxxx-xxxx`, for a person who compares
 * what stands on the console of a machine with what the cluster says of a node.
 */
export function shortFingerprint(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new KeyError(`public key has ${publicKey.length} bytes, want ${PUBLIC_KEY_BYTES}`);
  }
  const hash = new Bun.CryptoHasher("sha256").update(FINGERPRINT_LABEL).update(publicKey);
  const digits = hash.digest("hex");
  return [0, 4, 8].map((at) => digits.slice(at, at + 4)).join("-");
}

/** Whether a text has the form of a node ID. */
export function isNodeId(text: string): boolean {
  return PATTERN.test(text);
}

/** A key that is not one. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}
