// Which epochs of the recovery key there must be. Decisions only.
//
// An epoch is a key whose shares are with the members of consensus. When those change
// there is a new one, and the old ones stay until every member of the new one has it
// on its disk, and etcd has just these members: so at every instant, whatever majority
// etcd needs holds the shares that open its disks.
import { create } from "@bufbuild/protobuf";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { splitSecret } from "../../base/pki/shares.ts";
import {
  type Recovery_Epoch as Epoch,
  Recovery_EpochSchema as EpochSchema,
  type Recovery,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";

/** Who shall hold the key, and how many of them it takes. */
export interface Holders {
  /** IDs of nodes, sorted. */
  readonly members: readonly string[];
  /** 0: they hold no shares, an operator has to help. */
  readonly threshold: number;
}

/** As many as consensus needs to decide anything. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Whether the newest epoch is as it should be, or is on its way there. */
export function isFitting(
  { epochs }: Readonly<Recovery>,
  { members, threshold }: Holders,
): boolean {
  const newest = epochs.at(-1);
  if (newest === undefined || newest.threshold !== threshold) return false;
  const held = newest.members.map(({ nodeId }) => nodeId).toSorted();
  if (held.join() !== members.join()) return false;
  // A share that is neither here nor there is lost.
  return newest.members.every(
    ({ isStored, share }) => isStored || threshold === 0 || share.length > 0,
  );
}

/** No change of members takes more of them; then one has lost its way, and those between go. */
const MOST_EPOCHS = 8;

/**
 * The record with a new epoch for these holders. Those before stay: some members may hold
 * one of them, and others another, until all have the newest.
 */
export async function withNewEpoch(record: Recovery, holders: Holders): Promise<Recovery> {
  const next = await newEpoch((record.epochs.at(-1)?.epoch ?? 0n) + 1n, holders);
  const latest = record.epochs.slice(2 - MOST_EPOCHS);
  const relied = record.epochs.findLast(isStoredByAll);
  const isKept = relied === undefined || latest.includes(relied);
  record.epochs = [...(isKept ? [] : [relied]), ...latest, next];
  return record;
}

async function newEpoch(epoch: bigint, { members, threshold }: Holders): Promise<Epoch> {
  const { publicKey, privateKey } = generateBoxKeyPair();
  const shares = threshold === 0 ? [] : await splitSecret(privateKey, members.length, threshold);
  return create(EpochSchema, {
    epoch,
    threshold,
    publicKey,
    members: members.map((nodeId, index) => ({
      nodeId,
      share: shares[index] ?? new Uint8Array(),
    })),
  });
}

/** Whether each member has it on its disk. */
export function isStoredByAll({ members }: Readonly<Epoch>): boolean {
  return members.every(({ isStored }) => isStored);
}

/** Forgets all epochs before the newest that everyone has; true if there were any. */
export function prune(record: Recovery): boolean {
  const relied = record.epochs.findLastIndex(isStoredByAll);
  if (relied <= 0) return false;
  record.epochs = record.epochs.slice(relied);
  return true;
}

/** Notes what a node says to have on its disk; true if that is news. */
export function noteStored(record: Recovery, id: string, stored: readonly bigint[]): boolean {
  let isNews = false;
  for (const { epoch, members } of record.epochs) {
    const member = members.find(({ nodeId }) => nodeId === id);
    const isStored = stored.includes(epoch);
    if (member === undefined || member.isStored === isStored) continue;
    isNews = true;
    member.isStored = isStored;
    // From here on only the node knows it. One that has lost it cannot have it again.
    member.share = new Uint8Array();
  }
  return isNews;
}
