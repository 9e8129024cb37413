// Care of members, on a real etcd.
import { expect, test } from "bun:test";
import { Code } from "../rpc/rpc.ts";
import { etcdMembers, etcdStore, type Store } from "./etcd.ts";
import { testEtcd } from "./test-etcd.ts";

test("members are listed, added as learners and removed", async () => {
  await using etcd = await testEtcd();
  const members = etcdMembers(etcd.channel);
  const [only] = await members.list();
  expect(only).toMatchObject({ name: "test", isLearner: false });
  const learner = await members.addLearner(["http://127.0.0.1:2"]);
  expect(learner).toMatchObject({ name: "", isLearner: true, peerUrls: ["http://127.0.0.1:2"] });
  // Caught by hand: bun's `rejects` holds up the connection until the deadline.
  const refusal = await members.promote(learner.id).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: Code.failedPrecondition });
  await members.updatePeerUrls(learner.id, ["http://127.0.0.1:3"]);
  expect((await members.list()).flatMap(({ peerUrls }) => peerUrls)).toContain(
    "http://127.0.0.1:3",
  );
  await members.remove(learner.id);
  expect(await members.list()).toHaveLength(1);
});

test("status, snapshot and defragment tell of the database", async () => {
  await using etcd = await testEtcd();
  const members = etcdMembers(etcd.channel);
  const store = etcdStore(etcd.channel);
  await store.put("key", new TextEncoder().encode("a value to be found"));
  const status = await members.status();
  expect(status.version).toMatch(/^3\./);
  expect(status.leader).toBe(status.memberId);
  expect(status.databaseBytes).toBeGreaterThan(0n);
  const snapshot = await members.snapshot();
  const bytes = Buffer.concat(await Array.fromAsync(snapshot.parts));
  expect(bytes).toHaveLength(snapshot.bytes);
  // The last 32 bytes are the hash of the rest.
  const hash = new Bun.CryptoHasher("sha256").update(bytes.subarray(0, -32)).digest();
  expect(bytes.subarray(-32)).toEqual(Buffer.from(hash));
  expect(bytes.includes("a value to be found")).toBe(true);
  await members.defragment();
});

/** What etcd says when its database has reached the quota. */
const NO_SPACE = "database space exceeded";

/** Overwrites one key until etcd refuses: all but the last value is history. */
async function overwrite(store: Store): Promise<unknown> {
  const value = new Uint8Array(256 * 1024);
  for (let i = 0; i < 200; i++) {
    const refusal = await store.put("key", value).catch((error: unknown) => error);
    if (typeof refusal !== "bigint") return refusal;
  }
  return undefined;
}

test("a full member raises an alarm, which ends where there is room", async () => {
  await using etcd = await testEtcd(8 * 1024 * 1024);
  const members = etcdMembers(etcd.channel);
  const store = etcdStore(etcd.channel);
  expect(await members.fullMembers()).toEqual([]);
  const refusal = await overwrite(store);
  expect(refusal).toMatchObject({ code: Code.resourceExhausted });
  expect(String(refusal)).toContain(NO_SPACE);
  const { memberId, databaseQuotaBytes } = await members.status();
  expect(databaseQuotaBytes).toBe(8n * 1024n * 1024n);
  expect(await members.fullMembers()).toEqual([memberId]);
  // Not even a lease is granted, but deleting works.
  const lease = await store.grantLease(10).catch((error: unknown) => String(error));
  expect(lease).toContain(NO_SPACE);
  expect(await Array.fromAsync((await members.snapshot()).parts)).not.toEqual([]);
  const revision = await store.delete("key");
  await store.compact(revision);
  await members.defragment();
  await members.endFullAlarm(memberId);
  expect(await members.fullMembers()).toEqual([]);
  await store.put("key", new Uint8Array(1));
});
