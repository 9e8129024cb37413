// Tests of which epochs there must be: at every instant all members of some epoch hold it.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  type BoxKeyPair,
  boxKeyPair,
  decryptWith,
  generateBoxKeyPair,
} from "../../base/pki/sealed-box.ts";
import { combineShares } from "../../base/pki/shares.ts";
import {
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  forgetMember,
  isFitting,
  isRelied,
  majority,
  noteStored,
  prune,
  withNewEpoch,
} from "./epochs.ts";

const boxes = new Map<string, BoxKeyPair>();
const boxOf = (id: string) => boxes.getOrInsertComputed(id, generateBoxKeyPair);
const holder = (id: string) => ({ id, sharePublicKey: boxOf(id).publicKey });

function open(nodeId: string, box: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
  return decryptWith(boxOf(nodeId), { purpose: "recovery share", nodeId }, box);
}

const holders = (...ids: readonly string[]) => ({
  members: ids.map(holder),
  threshold: majority(ids.length),
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
  const members = epoch?.members.slice(1) ?? [];
  const shares = members.map(({ nodeId, share }) => open(nodeId, share));
  const key = await combineShares(await Promise.all(shares));
  expect(boxKeyPair(key).publicKey).toEqual(epoch?.publicKey ?? new Uint8Array());
});

test("a share is for its holder alone, whoever has the record", async () => {
  const { epochs } = await withNewEpoch(create(RecoverySchema), holders("a", "b"));
  const [own, other] = epochs[0]?.members ?? [];
  expect(await open("a", own?.share)).toHaveLength(33);
  await expect(open("a", other?.share)).rejects.toThrow();
});

test("the old epoch stays until each member of the new one has it", async () => {
  const record = await withNewEpoch(await recordOf(["a"]), holders("a", "b"));
  expect(numbers(record)).toEqual([1n, 2n]);
  expect(noteStored(record, "a", [1n, 2n])).toBe(true);
  expect(prune(record)).toEqual([]);
  expect(noteStored(record, "b", [2n])).toBe(true);
  expect(prune(record).map(({ epoch }) => epoch)).toEqual([1n]);
  expect(numbers(record)).toEqual([2n]);
});

test("a share is forgotten as soon as its holder has it", async () => {
  const record = await withNewEpoch(create(RecoverySchema), holders("a", "b", "c"));
  noteStored(record, "b", [1n]);
  const isHere = record.epochs[0]?.members.map(({ share }) => share.length > 0);
  expect(isHere).toEqual([true, false, true]);
  expect(noteStored(record, "b", [1n])).toBe(false);
  expect(noteStored(record, "stranger", [1n])).toBe(false);
});

test("epochs stay while members change again before all have stored one", async () => {
  const second = await withNewEpoch(await recordOf(["a"]), holders("a", "b"));
  const third = await withNewEpoch(second, holders("a", "b", "c"));
  expect(numbers(third)).toEqual([1n, 2n, 3n]);
  expect(third.epochs.map((each) => isRelied(each))).toEqual([true, false, false]);
  for (const id of ["a", "b", "c"]) noteStored(third, id, [3n]);
  expect(prune(third)).toHaveLength(2);
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
  expect(isFitting(record, { ...holders("a", "b", "c"), threshold: 0 })).toBe(false);
  // One whose disk has lost it says so, and the cluster has it no more.
  noteStored(record, "b", []);
  expect(isFitting(record, holders("a", "b", "c"))).toBe(false);
  expect(isFitting(create(RecoverySchema), holders("a"))).toBe(false);
});

test("with the operator's policy nobody has a share, and none is missed", async () => {
  const wanted = { ...holders("a", "b"), threshold: 0 };
  const record = await withNewEpoch(create(RecoverySchema), wanted);
  expect(record.epochs[0]?.members.map(({ share }) => share.length)).toEqual([0, 0]);
  expect(isFitting(record, wanted)).toBe(true);
});

const isSilent = (id: string) => id.startsWith("silent");

test.each([
  // Who has the newest, who is silent, and what is left of epochs 1 and 2.
  [["a", "b"], ["a", "b", "silent"], [2]],
  [["a"], ["a", "b", "silent"], [1, 2]],
  [["a"], ["a", "silent"], [1, 2]],
  [
    ["a", "b"],
    ["a", "b", "silent1", "silent2"],
    [1, 2],
  ],
  [["a", "b", "c"], ["a", "b", "c", "silent1", "silent2"], [2]],
  [
    ["a", "b"],
    ["a", "b", "c", "silent1", "silent2"],
    [1, 2],
  ],
] as const)("with %j of %j an old epoch is of use to %j", async (stored, members, left) => {
  const record = await withNewEpoch(await recordOf([...members, "deleted"]), holders(...members));
  for (const id of stored) noteStored(record, id, [1n, 2n]);
  prune(record, isSilent);
  expect(numbers(record).map(Number)).toEqual([...left]);
});

test("the silent hold on to nothing, but no older epoch is relied upon without them", async () => {
  const second = await withNewEpoch(await recordOf(["a", "b", "silent"]), holders("a", "b"));
  const third = await withNewEpoch(second, holders("a", "b", "c"));
  for (const id of ["a", "b"]) noteStored(third, id, [1n, 2n]);
  prune(third, isSilent);
  expect(numbers(third)).toEqual([2n, 3n]);
});

test("whoever is deleted is of no epoch any more, and makes none easier to open", async () => {
  const record = await recordOf(["a", "b", "deleted"]);
  expect(forgetMember(record, "deleted")).toBe(true);
  expect(forgetMember(record, "deleted")).toBe(false);
  expect(record.epochs[0]?.members.map(({ nodeId }) => nodeId)).toEqual(["a", "b"]);
  expect(isFitting(record, holders("a", "b"))).toBe(true);
  expect(record.epochs[0]?.threshold).toBe(2);
});

test("an epoch of two is not relied upon by the one that is left of it", async () => {
  const first = await recordOf(["a"]);
  const record = await withNewEpoch(first, holders("a", "deleted"));
  noteStored(record, "a", [1n, 2n]);
  forgetMember(record, "deleted");
  expect(prune(record)).toEqual([]);
  expect(numbers(record)).toEqual([1n, 2n]);
});
