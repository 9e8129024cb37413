// Tests of deposing a leader, over the memory store.
import { expect, test } from "bun:test";
import { campaign, type KeyValue, type Leadership, memoryStore, type Store } from "./etcd.ts";

const prefix = "/leader/";
const forever = () => Promise.withResolvers<never>().promise;

/** Stands for election; whoever leads before is judged by `detectFailure`. */
function stand(
  store: Store,
  name: string,
  detectFailure: (leader: KeyValue, signal: AbortSignal) => Promise<void> = forever,
  signal = new AbortController().signal,
): Promise<Leadership> {
  const value = Buffer.from(name);
  return campaign(store, { prefix, value, ttlSeconds: 60, signal, detectFailure });
}

const nameOf = ({ value }: KeyValue) => Buffer.from(value).toString();

test("a leader that is taken for dead is replaced long before its lease ends", async () => {
  const store = memoryStore();
  const first = await stand(store, "first");
  const judged: string[] = [];
  const second = await stand(store, "second", async (leader) => void judged.push(nameOf(leader)));
  expect(judged).toEqual(["first"]);
  expect(second.revision).toBeGreaterThan(first.revision);
  expect((await store.transact([first.guard], [{ delete: "x" }])).succeeded).toBe(false);
  expect((await store.transact([second.guard], [{ delete: "x" }])).succeeded).toBe(true);
  await second.resign();
});

test("a leader that was deposed hears of it", async () => {
  const store = memoryStore();
  const first = await stand(store, "first");
  const lost = new Promise((resolve) => first.lost.addEventListener("abort", resolve));
  const second = await stand(store, "second", async () => {});
  await lost;
  expect(String(first.lost.reason)).toContain("the key was deleted");
  await second.resign();
});

test("each leader is judged anew, and only while it leads", async () => {
  const store = memoryStore();
  const first = await stand(store, "first");
  const second = stand(store, "second");
  const judged: { name: string; signal: AbortSignal }[] = [];
  const third = stand(store, "third", (leader, signal) => {
    judged.push({ name: nameOf(leader), signal });
    return forever();
  });
  while (judged.length === 0) await Bun.sleep(1);
  await first.resign();
  while (judged.length === 1) await Bun.sleep(1);
  expect(judged.map(({ name }) => name)).toEqual(["first", "second"]);
  expect(judged.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  await (await second).resign();
  await (await third).resign();
  expect(judged.map(({ signal }) => signal.aborted)).toEqual([true, true]);
});

test("a detector that fails leaves the decision to the lease", async () => {
  const store = memoryStore();
  const first = await stand(store, "first");
  const second = stand(store, "second", async () => {
    throw new RangeError("no opinion");
  });
  await Bun.sleep(20);
  expect(first.lost.aborted).toBe(false);
  await first.resign();
  await (await second).resign();
});

test("a lost request to depose is made again", async () => {
  const store = memoryStore();
  const first = await stand(store, "first");
  let lost = 0;
  const transact: Store["transact"] = (compares, writes) => {
    const isDelete = writes.some((write) => "delete" in write);
    if (isDelete && lost++ === 0) return forever();
    return store.transact(compares, writes);
  };
  const lossy = new Proxy(store, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name);
      if (name === "transact") return transact;
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
  const second = await stand(lossy, "second", async () => {});
  expect(lost).toBeGreaterThan(1);
  expect(first.lost.aborted).toBe(true);
  await second.resign();
});
