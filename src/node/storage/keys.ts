// The key of the data partition.
//
//   node unlock key ────┐
//   (ESP, under the TPM) ├─ HKDF ── passphrase of the data partition
//   cluster unlock key ─┘
//   (the cluster's consensus)
import { hkdf } from "../../base/pki/hkdf.ts";

/** Length of either half, and of the passphrase. */
export const UNLOCK_KEY_BYTES = 32;

/** A change of this text would lock every disk there is. */
const PURPOSE = "metropolis data partition v1";

/** An unlock key has the wrong length. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/** The passphrase of the data partition. It has full entropy, so it needs no slow derivation. */
export function dataPassphrase(nodeKey: Uint8Array, clusterKey: Uint8Array): Uint8Array {
  for (const [name, key] of Object.entries({ node: nodeKey, cluster: clusterKey })) {
    if (key.length !== UNLOCK_KEY_BYTES) {
      throw new KeyError(`derive passphrase: ${name} unlock key has ${key.length} bytes`);
    }
  }
  const secret = new Uint8Array([...nodeKey, ...clusterKey]);
  return hkdf(secret, { info: PURPOSE, bytes: UNLOCK_KEY_BYTES });
}
