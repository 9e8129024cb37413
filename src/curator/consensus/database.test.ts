// Tests of the upkeep of the database: its decisions, and with the real etcd.
import { expect, test } from "bun:test";
import { etcdMembers, etcdStore, type Store } from "../../base/etcd/etcd.ts";
import { testEtcd } from "../../base/etcd/test-etcd.ts";
import { sleep } from "../../base/event/event.ts";
import type { Channel } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { DatabaseQuota, type DatabaseSize } from "../state/database-quota.ts";
import { LeaderStore } from "../state/leader-store.ts";
import {
  database,
  isTurn,
  wantsCompaction,
  wantsDefragmentation,
  wantsWrites,
} from "./database.ts";

/** A database of percents. */
function size(fileBytes: number, usedBytes: number, ...alarms: bigint[]): DatabaseSize {
  return { fileBytes, usedBytes, quotaBytes: 100, alarms };
}

test.each<[DatabaseSize, boolean, number, boolean]>([
  [size(10, 10), true, 99_999, false],
  [size(50, 49), true, 10_000, true],
  [size(50, 50), true, 9_999, false],
  [size(80, 75), true, 0, true],
  [size(80, 75), false, 99_999, false],
  [size(10, 10, 1n), false, 0, true],
])("wantsCompaction of %p, leader %p, after %p ms is %p", (state, isLeader, sinceMs, expected) => {
  expect(wantsCompaction(state, { isLeader, sinceMs })).toBe(expected);
});

test.each<[DatabaseSize, boolean]>([
  [size(49, 1), false],
  [size(50, 26), false],
  [size(50, 25), true],
  [size(89, 50), false],
  [size(90, 85), true],
  [size(90, 86), false],
  [size(20, 18, 1n), true],
  [size(100, 99.5, 1n), false],
])("wantsDefragmentation of %p is %p", (state, expected) => {
  expect(wantsDefragmentation(state)).toBe(expected);
});

test.each<[DatabaseSize, boolean]>([
  [size(10, 10), false],
  [size(97, 97, 1n), true],
  [size(98, 10, 1n), false],
])("wantsWrites of %p is %p", (state, expected) => {
  expect(wantsWrites(state)).toBe(expected);
});

test("isTurn is true for one member at a time, and for each in its time", () => {
  const ids = [9n, 2n, 5n];
  const turns = Array.from({ length: 6 }, (_, at) =>
    ids.filter((id) => isTurn(id, ids, at * 20_000)),
  );
  expect(turns).toEqual([[2n], [5n], [9n], [2n], [5n], [9n]]);
  expect(isTurn(7n, [7n], 123_456_789)).toBe(true);
});

const QUOTA = 8 * 1024 * 1024;
const VALUE = new Uint8Array(256 * 1024);

/** Writes until etcd refuses, to keys by their number; gives the first number that was refused. */
async function fill(store: Store, key: (number: number) => string): Promise<number> {
  for (let i = 0; i < 500; i++) {
    const outcome = await store.put(key(i), VALUE).catch((error: unknown) => String(error));
    if (typeof outcome !== "string") continue;
    expect(outcome).toContain("space exceeded");
    return i;
  }
  throw new TypeError("etcd has refused nothing");
}

/** How long until a write succeeds, with the upkeep of the database at work. */
async function writable(store: Store, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const outcome = await store.put("probe", new Uint8Array(1)).catch(() => undefined);
    if (outcome !== undefined) return true;
    await sleep(50);
  }
  return false;
}

/** Keeps the database of an etcd; absent a leader, of one that nobody leads. */
function maintained(channel: Channel, quota: DatabaseQuota, store?: LeaderStore) {
  const leading = { current: store && { store } };
  const parts = { store: etcdStore(channel), maintenance: etcdMembers(channel), quota };
  return testSupervisor(database({ ...parts, leading }));
}

test("history that has filled the database is gone without help, also after a power cut", async () => {
  await using etcd = await testEtcd(QUOTA);
  const store = etcdStore(etcd.channel);
  await fill(store, () => "one");
  await etcd.kill();
  etcd.start();
  await etcd.ready();
  // Nobody leads: under the alarm there is no lease to be had.
  expect(await writable(store, 500)).toBe(false);
  const quota = new DatabaseQuota();
  await using _ = maintained(etcd.channel, quota);
  expect(await writable(store, 20_000)).toBe(true);
  expect(await store.grantLease(10)).toBeGreaterThan(0n);
  expect(quota.size?.alarms).toEqual([]);
});

test("content that has filled the database is full until it is deleted, and then no longer", async () => {
  await using etcd = await testEtcd(QUOTA);
  const store = etcdStore(etcd.channel);
  // The alarm ends by itself where there is some room left: then history is the leader's to forget.
  const createRevision = await store.put("leader", new Uint8Array());
  // etcd sees the size of its file now and then: this may be more than fits into one answer.
  const count = await fill(store, (number) => `key ${number}`);
  const quota = new DatabaseQuota();
  const leader = new LeaderStore(store, { key: "leader", createRevision }, quota);
  await using _ = maintained(etcd.channel, quota, leader);
  while (!quota.isFull) await sleep(10);
  // With the one that etcd refused after it had done it (quotaApplierV3.Put).
  for (let i = 10; i <= count; i++) await store.delete(`key ${i}`);
  expect(await writable(store, 20_000)).toBe(true);
  while (quota.isFull) await sleep(10);
  expect((await store.range("key ")).items).toHaveLength(10);
});
