// New cluster unlock keys for all nodes, when somebody knows the present ones who shall not,
// or when fewer shares than now were once enough to get at them:
//
//   consensus member deleted ──► rotation due ──► it is out of etcd ──┐
//   epoch dropped that opened more easily ────────────────────────────┼──► generation + 1
//                                                                     ▼
//   every node whose key is of an earlier one: next key ──► the node says that its disk opens
//   with it ──► the only key (node-service/follow-unlock-key.ts)
//
// A member holds all of etcd: while one that was deleted is still in it, no new key is made,
// because it would see that too.
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { keyCheck } from "../../base/pki/key-check.ts";
import type {
  Recovery_Epoch as Epoch,
  Node,
  Recovery,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type { Leader } from "../state/leader.ts";
import type { RecordChange } from "../state/leader-record.ts";
import { changeNode } from "../state/nodes.ts";
import { forgetMember } from "./epochs.ts";

const UNLOCK_KEY_BYTES = 32;

/**
 * Lets the generation grow where that is due; true if it was. `isAmongUs`: nobody sees what is
 * written now who shall not.
 */
export function rotate(record: Recovery, dropped: readonly Epoch[], isAmongUs: boolean): boolean {
  const newest = record.epochs.at(-1);
  if (newest !== undefined && dropped.some((each) => openedEasier(each, newest))) {
    record.isRotationDue = true;
  }
  if (!record.isRotationDue || !isAmongUs) return false;
  record.isRotationDue = false;
  record.unlockKeyGeneration += 1n;
  return true;
}

/** With an old copy of an ESP its one share, or shares at all, would still do. */
function openedEasier(old: Epoch, newest: Epoch): boolean {
  if (newest.threshold === 0) return old.threshold > 0;
  return old.threshold === 1 && newest.threshold > 1;
}

/** Gives a next key to every node whose key is too old. */
export async function reconcileUnlockKeys(leader: Leader): Promise<void> {
  const { unlockKeyGeneration } = await leader.recovery.current();
  const isBehind = (node: Readonly<Node>) => isDue(node, unlockKeyGeneration);
  for (const { id } of leader.nodes.list().filter(({ node }) => isBehind(node))) {
    await changeNode(leader, id, (node) =>
      isBehind(node) ? { fields: nextKey(unlockKeyGeneration) } : {},
    );
  }
}

function isDue(node: Readonly<Node>, generation: bigint): boolean {
  // A disk that is not encrypted has no key, and a machine before its first commit neither.
  if (node.clusterUnlockKey.length === 0 || node.unlockKeyGeneration >= generation) return false;
  return node.nextClusterUnlockKey.length === 0 || node.nextUnlockKeyGeneration < generation;
}

function nextKey(nextUnlockKeyGeneration: bigint): Partial<Node> {
  const nextClusterUnlockKey = crypto.getRandomValues(new Uint8Array(UNLOCK_KEY_BYTES));
  return { nextClusterUnlockKey, nextUnlockKeyGeneration };
}

/** What becomes of a node's keys when it says with which of them its disk opens. */
export function afterReport(
  node: Readonly<Node>,
  check: Uint8Array,
  generation: bigint,
): Partial<Node> | undefined {
  const { clusterUnlockKey: present, nextClusterUnlockKey: next } = node;
  if (present.length === 0 || check.length === 0) return undefined;
  if (next.length === 0) {
    // As after a restore from a backup that is older than the key.
    return constantTimeEqual(keyCheck(present), check) ? undefined : nextKey(generation);
  }
  if (!constantTimeEqual(keyCheck(next), check)) return undefined;
  return {
    clusterUnlockKey: next,
    unlockKeyGeneration: node.nextUnlockKeyGeneration,
    nextClusterUnlockKey: new Uint8Array(),
    nextUnlockKeyGeneration: 0n,
  };
}

/**
 * Deletes a node, by `commit`, together with its part in recovery: the others give it no share
 * any more, and where it knew their keys these are due to be replaced.
 */
export async function withoutHolder(
  { recovery }: Leader,
  { id, heldConsensus }: Readonly<Node>,
  commit: (change: RecordChange) => Promise<void>,
): Promise<void> {
  const { epochs } = await recovery.current();
  const isHolder = epochs.some(({ members }) => members.some(({ nodeId }) => nodeId === id));
  if (!isHolder && !heldConsensus) return commit({ writes: [], compares: [] });
  await recovery.change((record) => {
    forgetMember(record, id);
    if (heldConsensus) record.isRotationDue = true;
    return record;
  }, commit);
}
