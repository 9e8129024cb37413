// Tests of what a full database has room for.
import { expect, test } from "bun:test";
import { memoryStore, type Write } from "../../base/etcd/etcd.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { DatabaseQuota, isNoSpace } from "./database-quota.ts";
import { LeaderStore } from "./leader-store.ts";

const MIB = 1024 * 1024;
const size = (usedBytes: number) => ({
  fileBytes: 4 * MIB,
  usedBytes,
  quotaBytes: 4 * MIB,
  alarms: [],
});

/** A leader's store over some keys, and its room. */
async function leaderStore(usedBytes: number) {
  const raw = memoryStore();
  const createRevision = await raw.put("/leader/1", new Uint8Array());
  await raw.put("present", new Uint8Array(1_000));
  const quota = new DatabaseQuota();
  quota.measured(size(usedBytes));
  return { raw, quota, store: new LeaderStore(raw, { key: "/leader/1", createRevision }, quota) };
}

const bytes = (length: number) => new Uint8Array(length);

test.each<[string, readonly Write[], boolean]>([
  ["a new key", [{ put: "new", value: bytes(1) }], false],
  ["a key that grows much", [{ put: "present", value: bytes(2_000) }], false],
  ["a key that grows a little", [{ put: "present", value: bytes(1_050) }], true],
  ["a key that shrinks", [{ put: "present", value: bytes(10) }], true],
  ["deleting", [{ delete: "present" }], true],
  ["deleting all below", [{ deletePrefix: "pre" }], true],
  [
    "deleting more than is written",
    [{ delete: "present" }, { put: "note", value: bytes(20) }],
    true,
  ],
  [
    "writing more than is deleted",
    [{ delete: "present" }, { put: "note", value: bytes(2_000) }],
    false,
  ],
  [
    "deleting what is not there, for a new key",
    [{ delete: "none" }, { put: "new", value: bytes(1) }],
    false,
  ],
])("a full database has room for %s: %j", async (_, writes, isTaken) => {
  const { store, raw } = await leaderStore(3 * MIB);
  const before = await raw.range("");
  const commit = store.commit(writes);
  if (isTaken) await commit;
  else {
    await expect(commit).rejects.toMatchObject({ code: Code.resourceExhausted });
    await expect(commit).rejects.toThrow(
      "the cluster's database is full: 3 MiB of 4 MiB are in use",
    );
    expect(await raw.range("")).toEqual(before);
  }
});

test("a full database takes what upkeep needs, and anything when it has room again", async () => {
  const { store, quota } = await leaderStore(3 * MIB);
  await store.commit([{ put: "upkeep", value: bytes(1) }], [], { isUpkeep: true });
  quota.measured(size(2 * MIB));
  await store.commit([{ put: "new", value: bytes(1) }]);
});

test("what is written counts before the next measurement", async () => {
  const { store, quota } = await leaderStore(2 * MIB);
  const write = (key: string) => store.commit([{ put: key, value: bytes(MIB / 4) }]);
  for (const key of ["1", "2", "3", "4"]) await write(key);
  await expect(write("5")).rejects.toMatchObject({ code: Code.resourceExhausted });
  quota.measured(size(2 * MIB));
  await write("5");
});

test("etcd's own refusal is told as what it is, not as a leader that is missing", async () => {
  const { store, raw } = await leaderStore(MIB);
  const error = new RpcError(Code.resourceExhausted, "etcdserver: mvcc: database space exceeded");
  raw.transact = () => Promise.reject(error);
  const commit = store.commit([{ put: "new", value: bytes(1) }]);
  await expect(commit).rejects.toMatchObject({ code: Code.resourceExhausted });
  await expect(commit).rejects.toThrow("the cluster's database is full");
  expect(isNoSpace(error)).toBe(true);
  expect(isNoSpace(new RpcError(Code.resourceExhausted, "message too large"))).toBe(false);
});
