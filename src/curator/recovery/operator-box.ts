// What only the operator can open: a node's cluster unlock key, and with it the key by
// which the node proves itself while it is locked, so that the unlock key is given to
// that machine and to nobody who claims to be it.
import { encryptTo } from "../../base/pki/sealed-box.ts";

/** `cluster unlock key ‖ join public key`, encrypted; empty where the operator has no key. */
export function operatorBox(
  operatorKey: Uint8Array,
  node: { readonly clusterUnlockKey: Uint8Array; readonly joinKey: Uint8Array },
): Uint8Array {
  if (operatorKey.length === 0) return new Uint8Array();
  return encryptTo(operatorKey, Buffer.concat([node.clusterUnlockKey, node.joinKey]));
}
