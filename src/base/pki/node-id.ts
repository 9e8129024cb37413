// The name of a node, which follows from its public key.

/** Length of an Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32;

/** Bytes of the public key that the ID holds; more would not fit into a DNS label. */
const ID_BYTES = 16;

const PATTERN = /^metropolis-[0-9a-f]{32}$/;

/** The ID of the node with this public key. */
export function nodeId(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new KeyError(`public key has ${publicKey.length} bytes, want ${PUBLIC_KEY_BYTES}`);
  }
  return `metropolis-${Buffer.from(publicKey.subarray(0, ID_BYTES)).toString("hex")}`;
}

/** Whether a text has the form of a node ID. */
export function isNodeId(text: string): boolean {
  return PATTERN.test(text);
}

/** A key that is not one. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}
