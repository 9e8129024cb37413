// What only the operator can open: a node's cluster unlock key, and with it the key by
// which the node proves itself while it is locked, so that the unlock key is given to
// that machine and to nobody who claims to be it.
//
//   cluster unlock key (32) ‖ join public key (32), as a sealed box of the node
import {
  type BoxContent,
  type BoxKeyPair,
  decryptWith,
  encryptTo,
  SealedBoxError,
} from "./sealed-box.ts";

const KEY_BYTES = 32;

/** What the operator learns of a node. */
export interface OperatorView {
  /** Secret. */
  readonly clusterUnlockKey: Uint8Array;
  /** Ed25519 public key. */
  readonly joinKey: Uint8Array;
}

/** Closes a node's box; it is empty where the operator has no key. */
export async function operatorBox(
  operatorKey: Uint8Array,
  nodeId: string,
  { clusterUnlockKey, joinKey }: OperatorView,
): Promise<Uint8Array> {
  if (operatorKey.length === 0) return new Uint8Array();
  return encryptTo(operatorKey, content(nodeId), Buffer.concat([clusterUnlockKey, joinKey]));
}

/** Opens that of a node. Throws a {@link SealedBoxError} for another key, node, or content. */
export async function openOperatorBox(
  pair: BoxKeyPair,
  nodeId: string,
  box: Uint8Array,
): Promise<OperatorView> {
  const bytes = await decryptWith(pair, content(nodeId), box);
  if (bytes.length !== 2 * KEY_BYTES) throw new SealedBoxError("not the box of an operator");
  return { clusterUnlockKey: bytes.slice(0, KEY_BYTES), joinKey: bytes.slice(KEY_BYTES) };
}

function content(nodeId: string): BoxContent {
  return { purpose: "operator's view", nodeId };
}
