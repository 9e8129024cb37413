// Tests of which epochs there must be: at every instant all members of some epoch hold it.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { boxKeyPair } from "../../base/pki/sealed-box.ts";
import { combineShares } from "../../base/pki/shares.ts";
import {
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { isFitting, isStoredByAll, majority, noteStored, prune, withNewEpoch } from "./epochs.ts";

const holders = (...members: readonly string[]) => ({
  members,
  threshold: majority(members.length),
});

/** A record after these changes of members, each stored by all before the next. */
async function recordOf(...generations: readonly (readonly string[])[]): Promise<Recovery> {
  let record = create(RecoverySchema);
  for (const members of generations) {
    record = await withNewEpoch(record, holders(...members));
    for (const id of members) noteStored(record, id, [record.epochs.at(-1)?.epoch ?? 0n]);
    prune(record);
  }
  return record;
}

const numbers = ({ epochs }: Recovery) => epochs.map(({ epoch }) => epoch);

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
])("of %i members %i open the disks", (count, expected) => {
  expect(majority(count)).toBe(expected);
});

test("a new epoch has a share for each member, and a majority of them makes its key", async () => {
  const { epochs } = await withNewEpoch(create(RecoverySchema), holders("a", "b", "c"));
  const [epoch] = epochs;
  const shares = epoch?.members.map(({ share }) => share) ?? [];
  const key = await combineShares(shares.slice(1));
  expect(boxKeyPair(key).publicKey).toEqual(epoch?.publicKey ?? new Uint8Array());
});

test("the old epoch stays until each member of the new one has it", async () => {
  const record = await withNewEpoch(await recordOf(["a"]), holders("a", "b"));
  expect(numbers(record)).toEqual([1n, 2n]);
  expect(noteStored(record, "a", [1n, 2n])).toBe(true);
  expect(prune(record)).toBe(false);
  expect(noteStored(record, "b", [2n])).toBe(true);
  expect(prune(record)).toBe(true);
  expect(numbers(record)).toEqual([2n]);
});

test("a share is forgotten as soon as its holder has it", async () => {
  const record = await withNewEpoch(create(RecoverySchema), holders("a", "b", "c"));
  noteStored(record, "b", [1n]);
  const lengths = record.epochs[0]?.members.map(({ share }) => share.length);
  expect(lengths).toEqual([33, 0, 33]);
  expect(noteStored(record, "b", [1n])).toBe(false);
  expect(noteStored(record, "stranger", [1n])).toBe(false);
});

test("epochs stay while members change again before all have stored one", async () => {
  const second = await withNewEpoch(await recordOf(["a"]), holders("a", "b"));
  const third = await withNewEpoch(second, holders("a", "b", "c"));
  expect(numbers(third)).toEqual([1n, 2n, 3n]);
  expect(third.epochs.map(isStoredByAll)).toEqual([true, false, false]);
  for (const id of ["a", "b", "c"]) noteStored(third, id, [3n]);
  expect(prune(third)).toBe(true);
  expect(numbers(third)).toEqual([3n]);
});

test("however often members change, the last that all relied upon stays", async () => {
  let record = await recordOf(["a", "b"]);
  for (let i = 0; i < 20; i++) record = await withNewEpoch(record, holders("a", "b", `c${i}`));
  expect(record.epochs).toHaveLength(8);
  expect(record.epochs[0]?.epoch).toBe(1n);
  expect(record.epochs.at(-1)?.epoch).toBe(21n);
});

test("an epoch fits its members and threshold, as long as no share is lost", async () => {
  const record = await recordOf(["a", "b", "c"]);
  expect(isFitting(record, holders("a", "b", "c"))).toBe(true);
  expect(isFitting(record, holders("a", "b"))).toBe(false);
  expect(isFitting(record, { members: ["a", "b", "c"], threshold: 0 })).toBe(false);
  // One whose disk has lost it says so, and the cluster has it no more.
  noteStored(record, "b", []);
  expect(isFitting(record, holders("a", "b", "c"))).toBe(false);
  expect(isFitting(create(RecoverySchema), holders("a"))).toBe(false);
});

test("with the operator's policy nobody has a share, and none is missed", async () => {
  const wanted = { members: ["a", "b"], threshold: 0 };
  const record = await withNewEpoch(create(RecoverySchema), wanted);
  expect(record.epochs[0]?.members.map(({ share }) => share.length)).toEqual([0, 0]);
  expect(isFitting(record, wanted)).toBe(true);
});
