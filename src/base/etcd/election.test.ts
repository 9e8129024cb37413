// Elections over the memory store, whose leases end by real time, and once
// over a real etcd.
import { expect, test } from "bun:test";
import {
  campaign,
  etcdStore,
  type Leadership,
  LeadershipLostError,
  leaderOf,
  memoryStore,
  type Store,
} from "./etcd.ts";
import { testEtcd } from "./test-etcd.ts";

const prefix = "/leader/";

function stand(store: Store, name: string, signal = new AbortController().signal) {
  return campaign(store, { prefix, value: Buffer.from(name), ttlSeconds: 1, signal });
}

/** The name of the leader, as anyone can see it. */
async function leader(store: Store): Promise<string | undefined> {
  const found = leaderOf((await store.range(prefix)).items);
  return found === undefined ? undefined : Buffer.from(found.value).toString();
}

/** Whether a leader may still write. */
async function mayWrite(store: Store, { guard }: Leadership): Promise<boolean> {
  return (await store.transact([guard], [{ put: "work", value: Buffer.of(1) }])).succeeded;
}

test("the first candidate leads at once, and may write", async () => {
  const store = memoryStore();
  const first = await stand(store, "one");
  expect(await leader(store)).toBe("one");
  expect(first.key).toMatch(/^\/leader\/[0-9a-f]+$/);
  expect(await mayWrite(store, first)).toBe(true);
  await first.resign();
});

test("candidates lead one after the other, in the order they came", async () => {
  const store = memoryStore();
  const order: string[] = [];
  const follow = async (name: string) => {
    const led = await stand(store, name);
    order.push(name);
    expect(await leader(store)).toBe(name);
    await led.resign();
    return led;
  };
  const first = await stand(store, "first");
  const others = [follow("a"), follow("b"), follow("c")];
  await Bun.sleep(20);
  expect(order).toEqual([]);
  await first.resign();
  const revisions = (await Promise.all(others)).map(({ revision }) => revision);
  expect(order).toEqual(["a", "b", "c"]);
  expect(revisions).toEqual(revisions.toSorted((one, other) => Number(one - other)));
});

test("resign ends the leadership and takes the right to write", async () => {
  const store = memoryStore();
  const first = await stand(store, "one");
  await first.resign();
  expect(first.lost.aborted).toBe(true);
  expect(first.lost.reason).toBeInstanceOf(LeadershipLostError);
  expect(await mayWrite(store, first)).toBe(false);
});

test("a leader stays leader for as long as it renews its lease", async () => {
  const store = memoryStore();
  const first = await stand(store, "one");
  await Bun.sleep(1_600);
  expect(first.lost.aborted).toBe(false);
  expect(await mayWrite(store, first)).toBe(true);
  await first.resign();
});

test("a leader that cannot renew notices before another may lead", async () => {
  const store = memoryStore();
  let isCut = false;
  // A store behind a cut: renewals hang for ever.
  const cut = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (name === "keepAlive" && isCut) return () => new Promise(() => {});
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const first = await stand(cut, "one");
  isCut = true;
  let lostAt = 0;
  first.lost.addEventListener("abort", () => {
    lostAt = performance.now();
  });
  const second = await stand(store, "two");
  expect(lostAt).toBeGreaterThan(0);
  expect(lostAt).toBeLessThanOrEqual(performance.now());
  expect(await mayWrite(store, first)).toBe(false);
  expect(await mayWrite(store, second)).toBe(true);
  await second.resign();
});

test("a leader whose key is deleted has lost", async () => {
  const store = memoryStore();
  const first = await stand(store, "one");
  await store.delete(first.key);
  await Bun.sleep(10);
  expect(first.lost.aborted).toBe(true);
});

test("the signal ends a campaign with its reason, and leaves nothing behind", async () => {
  const store = memoryStore();
  const first = await stand(store, "one");
  const stop = new AbortController();
  const waiting = stand(store, "two", stop.signal);
  setTimeout(() => stop.abort(new LeadershipLostError("stop")), 10);
  await expect(waiting).rejects.toThrow("stop");
  await Bun.sleep(5);
  expect((await store.range(prefix)).items).toHaveLength(1);
  await first.resign();
  await expect(stand(store, "three", stop.signal)).rejects.toThrow("stop");
});

test("the signal ends the leadership that came of the campaign", async () => {
  const store = memoryStore();
  const stop = new AbortController();
  const first = await stand(store, "one", stop.signal);
  stop.abort();
  expect(first.lost.aborted).toBe(true);
  await Bun.sleep(5);
  expect((await store.range(prefix)).items).toEqual([]);
});

test("isOwn lets a restarted candidate lead without waiting for its old lease", async () => {
  const store = memoryStore();
  const lease = await store.grantLease(60);
  await store.put(`${prefix}old`, Buffer.from("me"), lease);
  const again = await campaign(store, {
    prefix,
    value: Buffer.from("me"),
    signal: AbortSignal.timeout(2_000),
    isOwn: (value) => Buffer.from(value).toString() === "me",
  });
  expect((await store.range(prefix)).items.map(({ key }) => key)).toEqual([again.key]);
  await again.resign();
});

test("leaderOf picks the oldest key, nobody among none", async () => {
  const store = memoryStore();
  expect(leaderOf([])).toBeUndefined();
  await store.put("b", Buffer.of(1));
  await store.put("a", Buffer.of(2));
  await store.put("b", Buffer.of(3));
  expect(leaderOf((await store.range("")).items)?.key).toBe("b");
});

test("elections work the same over a real etcd, through its restart", async () => {
  await using etcd = await testEtcd();
  const store = etcdStore(etcd.channel, "x");
  const signal = new AbortController().signal;
  const lasting = { prefix, signal, ttlSeconds: 6 };
  const first = await campaign(store, { ...lasting, value: Buffer.from("one") });
  const second = campaign(store, { ...lasting, value: Buffer.from("two") });
  while ((await store.range(prefix)).items.length < 2) await Bun.sleep(10);
  await etcd.kill();
  etcd.start();
  await etcd.ready();
  await Bun.sleep(2_500);
  expect(first.lost.aborted).toBe(false);
  expect(await mayWrite(store, first)).toBe(true);
  await first.resign();
  const successor = await second;
  expect(await leader(store)).toBe("two");
  expect(successor.revision).toBeGreaterThan(first.revision);
  await successor.resign();
});
