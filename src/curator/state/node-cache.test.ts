// Tests of the cache of nodes, over a store in memory.
import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { memoryStore, type Store } from "../../base/etcd/etcd.ts";
import { sleep } from "../../base/event/event.ts";
import { NodeSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "./keys.ts";
import { NodeCache, type NodeChanges } from "./node-cache.ts";

function put(store: Store, id: string, fsmState = NodeState.NEW): Promise<bigint> {
  return store.put(keys.node(id), toBinary(NodeSchema, create(NodeSchema, { id, fsmState })));
}

/** A cache that follows a store until the end of the test. */
async function following() {
  const store = memoryStore();
  const cache = new NodeCache();
  const end = new AbortController();
  cache.reset(await store.range(keys.nodes));
  const follow = async () => {
    for await (const batch of store.watch(keys.nodes, undefined, end.signal)) cache.apply(batch);
  };
  const done = follow().catch(() => {});
  const stop = async () => {
    end.abort();
    await done;
  };
  return { store, cache, signal: end.signal, [Symbol.asyncDispose]: stop };
}

const names = ({ nodes, gone }: NodeChanges) => [
  ...nodes.map(({ id }) => id),
  ...gone.map((id) => `-${id}`),
];

test("list is ordered by ID and does not change afterwards", async () => {
  await using world = await following();
  const { store, cache } = world;
  for (const id of ["c", "a", "b"]) await cache.reached(await put(store, id));
  const before = cache.list();
  await cache.reached(await store.delete(keys.node("b")));
  expect(before.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(cache.list().map(({ id }) => id)).toEqual(["a", "c"]);
});

test("reached waits for the revision, or for the signal", async () => {
  await using world = await following();
  const { store, cache } = world;
  const revision = await put(store, "a");
  await cache.reached(revision);
  expect(cache.get("a")?.revision).toBe(revision);
  await expect(cache.reached(revision + 1n, AbortSignal.timeout(5))).rejects.toThrow();
});

test("reset forgets what a newer listing does not show, and ignores an older one", async () => {
  const store = memoryStore();
  const cache = new NodeCache();
  await put(store, "a");
  const old = await store.range(keys.nodes);
  cache.reset(old);
  await store.delete(keys.node("a"));
  await put(store, "b");
  cache.reset(await store.range(keys.nodes));
  cache.reset(old);
  expect(cache.list().map(({ id }) => id)).toEqual(["b"]);
});

test("apply ignores what a listing has shown already", async () => {
  const store = memoryStore();
  const cache = new NodeCache();
  await put(store, "a");
  await store.delete(keys.node("a"));
  const late = store.watch(keys.nodes, 2n, new AbortController().signal)[Symbol.asyncIterator]();
  cache.reset(await store.range(keys.nodes));
  const { value } = await late.next();
  cache.apply(value);
  expect(cache.get("a")).toBeUndefined();
});

test("watch of all nodes gives what there is, even nothing, then changes", async () => {
  await using world = await following();
  const { store, cache, signal } = world;
  const seen: string[][] = [];
  const watching = (async () => {
    for await (const changes of cache.watch(undefined, signal)) {
      seen.push(names(changes));
      if (seen.length === 3) break;
    }
  })();
  await sleep(1);
  await put(store, "a");
  await sleep(1);
  await store.delete(keys.node("a"));
  await watching;
  expect(seen).toEqual([[], ["a"], ["-a"]]);
});

test("watch takes changes together while the watcher is busy", async () => {
  await using world = await following();
  const { store, cache, signal } = world;
  const changes = cache.watch(undefined, signal);
  await changes.next();
  for (const id of ["a", "b", "a", "c"]) await put(store, id);
  await cache.reached(await store.delete(keys.node("c")));
  const { value } = await changes.next();
  expect(value && names(value)).toEqual(["a", "b", "-c"]);
  await changes.return(undefined);
});

test("watch of one node waits for it, and hears of no other", async () => {
  await using world = await following();
  const { store, cache, signal } = world;
  const changes = cache.watch("b", signal);
  const first = changes.next();
  await put(store, "a");
  await put(store, "b");
  expect(names((await first).value)).toEqual(["b"]);
  const second = changes.next();
  await put(store, "a", NodeState.STANDBY);
  await store.delete(keys.node("b"));
  expect(names((await second).value)).toEqual(["-b"]);
  await changes.return(undefined);
});

test("watch ends with the signal's reason", async () => {
  const cache = new NodeCache();
  const end = new AbortController();
  const changes = cache.watch("a", end.signal);
  const next = changes.next();
  end.abort("over");
  await expect(next).rejects.toBe("over");
});

test("thousands of watchers of their own node cost little", async () => {
  await using world = await following();
  const { store, cache, signal } = world;
  const ids = Array.from({ length: 5_000 }, (_, i) => `n${i}`);
  const watches = ids.map((id) => cache.watch(id, signal).next());
  const start = performance.now();
  for (const id of ids) await put(store, id);
  await Promise.all(watches);
  expect(performance.now() - start).toBeLessThan(2_000);
});
