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
  const start = process.cpuUsage();
  for (const id of ids) await put(store, id);
  await Promise.all(watches);
  // Of the processor: others may want it, too.
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000).toBeLessThan(2_000);
});

/** A written node, as its writer knows it. */
function written(id: string, modRevision: bigint, fsmState = NodeState.NEW) {
  const value = toBinary(NodeSchema, create(NodeSchema, { id, fsmState }));
  return { key: keys.node(id), value, modRevision };
}

const unchanging = { createRevision: 1n, version: 1n, lease: 0n };

test("take shows a node at once, and older news of it change nothing", () => {
  const cache = new NodeCache();
  cache.take(written("a", 12n, NodeState.UP));
  cache.take(written("b", 11n));
  const stale = { ...written("a", 10n), ...unchanging };
  cache.apply({ revision: 10n, events: [{ kind: "put", key: stale.key, item: stale }] });
  cache.apply({ revision: 11n, events: [{ kind: "delete", key: stale.key, revision: 11n }] });
  cache.reset({ revision: 11n, items: [{ ...written("b", 11n), ...unchanging }] });
  expect(cache.list().map(({ id }) => id)).toEqual(["a", "b"]);
  expect(cache.get("a")?.node.fsmState).toBe(NodeState.UP);
});

test("take does not hide what the watch has yet to bring", () => {
  const cache = new NodeCache();
  cache.take(written("a", 12n));
  const other = { ...written("b", 11n), ...unchanging };
  cache.apply({ revision: 11n, events: [{ kind: "put", key: other.key, item: other }] });
  cache.apply({ revision: 13n, events: [{ kind: "delete", key: keys.node("a"), revision: 13n }] });
  expect(cache.list().map(({ id }) => id)).toEqual(["b"]);
});

test("take tells watchers once", async () => {
  await using world = await following();
  const { cache, store, signal } = world;
  const changes = cache.watch("a", signal);
  const first = changes.next();
  const modRevision = await put(store, "a");
  cache.take(written("a", modRevision));
  expect(names((await first).value ?? { nodes: [], gone: [] })).toEqual(["a"]);
  await cache.reached(modRevision);
  const next = changes.next();
  cache.take(written("a", modRevision + 1n, NodeState.UP));
  const { value } = await next;
  expect(value?.nodes.map(({ node }: { node: { fsmState: NodeState } }) => node.fsmState)).toEqual([
    NodeState.UP,
  ]);
});
