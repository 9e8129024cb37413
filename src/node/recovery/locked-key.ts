// The cluster unlock key of a locked node, out of shares: its own, and those of peers
// that are locked as well. A peer may lie, so no set of shares is believed until the
// key that it makes has opened what was encrypted to it.
import { decryptWith } from "../../base/pki/sealed-box.ts";
import { combineShares } from "../../base/pki/shares.ts";
import type { Recovery_Epoch as Epoch } from "../../gen/metropolis/proto/private/private_pb.ts";

/** One epoch, as this node holds it. */
export interface LockedEpoch {
  /** Of this node. */
  readonly nodeId: string;
  readonly epoch: Epoch;
  /** Shares by node ID, this node's own under "". */
  readonly shares: Map<string, Uint8Array>;
}

/** An epoch with this node's share. */
export function lockedEpoch(nodeId: string, epoch: Epoch): LockedEpoch {
  return { nodeId, epoch, shares: new Map([["", epoch.share]]) };
}

/** The peers whose shares are not here yet. */
export function missingPeers({ epoch, shares }: LockedEpoch): Epoch["peers"] {
  return epoch.peers.filter(({ nodeId }) => !shares.has(nodeId));
}

/** The key, as soon as there are enough honest shares. */
export async function unlockedKey(locked: LockedEpoch): Promise<Uint8Array | undefined> {
  const { shares } = locked;
  const { threshold } = locked.epoch;
  if (threshold === 0 || shares.size < threshold) return undefined;
  const [own = new Uint8Array(), ...others] = shares.values();
  for (const chosen of subsets(others, threshold - 1)) {
    const key = await tryShares(locked, [own, ...chosen]);
    if (key !== undefined) return key;
  }
  return undefined;
}

async function tryShares(
  { nodeId, epoch }: LockedEpoch,
  shares: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  try {
    const privateKey = await combineShares(shares);
    const content = { purpose: "cluster unlock key", nodeId } as const;
    return await decryptWith({ privateKey }, content, epoch.encryptedClusterUnlockKey);
  } catch {
    // One of them is not what its sender said it was.
    return undefined;
  }
}

/** All ways to choose some of a few things. */
function* subsets<T>(items: readonly T[], count: number): Generator<readonly T[]> {
  if (count === 0) yield [];
  else {
    for (const [index, item] of items.entries()) {
      for (const rest of subsets(items.slice(index + 1), count - 1)) yield [item, ...rest];
    }
  }
}
