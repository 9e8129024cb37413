// The key of the data partition and the random bytes it is made of.
//
//   node unlock key ────┐
//   (ESP, under the TPM) ├─ HKDF ── passphrase of the data partition
//   cluster unlock key ─┘
//   (the cluster's consensus)
import { hkdfSync } from "node:crypto";

/** Length of either half, and of the passphrase. */
export const UNLOCK_KEY_BYTES = 32;

/** A change of this text would lock every disk there is. */
const PURPOSE = "metropolis data partition v1";

/** A second source of random bytes, such as a TPM. */
export type RandomSource = (length: number) => Promise<Uint8Array>;

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
  return new Uint8Array(hkdfSync("sha256", secret, "", PURPOSE, UNLOCK_KEY_BYTES));
}

/**
 * Random bytes from the kernel, and from a second source where there is one.
 *
 * Mixed by XOR, so that the result is as good as the better of the two: the kernel of a machine
 * that starts for the first time has seen little that is random.
 */
export async function safeRandom(length: number, second?: RandomSource): Promise<Uint8Array> {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  if (second === undefined) return bytes;
  const other = await second(length);
  if (other.length !== length) {
    throw new KeyError(`mix random bytes: source gave ${other.length} of ${length}`);
  }
  return bytes.map((byte, index) => byte ^ (other[index] ?? 0));
}
