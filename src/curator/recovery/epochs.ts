// Which epochs of the recovery key there must be. Decisions only.
//
// An epoch is a key whose shares are with the members of consensus. When those change
// there is a new one, and the old ones stay until every member of the new one has it
// on its disk, and etcd has just these members: so at every instant, whatever majority
// etcd needs holds the shares that open its disks. A member that is silent keeps no old
// epoch alive: once a majority has the newest, they open without it, and it joins them.
//
// Shares are encrypted to their holders as soon as they are made: this record is in etcd,
// which every member holds, also one that is about to be removed.
import { create } from "@bufbuild/protobuf";
import { encryptTo, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { splitSecret } from "../../base/pki/shares.ts";
import {
  type Recovery_Epoch as Epoch,
  Recovery_EpochSchema as EpochSchema,
  type Recovery,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";

/** Who is to hold a share. */
export interface Holder {
  /** Of the node. */
  readonly id: string;
  /** X25519: only its holder can read its share. */
  readonly sharePublicKey: Uint8Array;
}

/** Who shall hold the key, and how many of them it takes. */
export interface Holders {
  /** In the order of their IDs. */
  readonly members: readonly Holder[];
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
  if (held.join() !== members.map(({ id }) => id).join()) return false;
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
  const relied = record.epochs.findLast((epoch) => isRelied(epoch));
  const isKept = relied === undefined || latest.includes(relied);
  record.epochs = [...(isKept ? [] : [relied]), ...latest, next];
  return record;
}

async function newEpoch(epoch: bigint, { members, threshold }: Holders): Promise<Epoch> {
  const { publicKey, privateKey } = generateBoxKeyPair();
  const shares = threshold === 0 ? [] : await splitSecret(privateKey, members.length, threshold);
  const boxed = members.map((member, index) => boxedShare(member, shares[index]));
  return create(EpochSchema, { epoch, threshold, publicKey, members: await Promise.all(boxed) });
}

async function boxedShare({ id: nodeId, sharePublicKey }: Holder, share: Uint8Array | undefined) {
  if (share === undefined) return { nodeId };
  const content = { purpose: "recovery share", nodeId } as const;
  return { nodeId, share: await encryptTo(sharePublicKey, content, share) };
}

/**
 * Whether the members open their disks with it: all have it on theirs, or all that are not
 * silent, and enough of them.
 */
export function isRelied(
  { members, threshold }: Readonly<Epoch>,
  isSilent: (id: string) => boolean = () => false,
): boolean {
  const count = members.filter(({ isStored }) => isStored).length;
  // A member that was deleted is gone from the list, but not from those that it takes.
  if (count < Math.max(threshold, majority(members.length))) return false;
  return members.every(({ nodeId, isStored }) => isStored || isSilent(nodeId));
}

/**
 * Forgets all epochs before the newest that is relied upon, and gives those. Only the newest
 * of all does without the silent: they can have that one and no other.
 */
export function prune(
  { epochs }: Recovery,
  isSilent: (id: string) => boolean = () => false,
): readonly Epoch[] {
  const newest = epochs.at(-1);
  const relied =
    newest !== undefined && isRelied(newest, isSilent)
      ? epochs.length - 1
      : epochs.findLastIndex((epoch) => isRelied(epoch));
  return epochs.splice(0, Math.max(0, relied));
}

/** Takes a node that is deleted out of all epochs; true if it was in one. */
export function forgetMember({ epochs }: Recovery, id: string): boolean {
  let isNews = false;
  for (const epoch of epochs) {
    const others = epoch.members.filter(({ nodeId }) => nodeId !== id);
    if (others.length < epoch.members.length) isNews = true;
    epoch.members = others;
  }
  return isNews;
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
