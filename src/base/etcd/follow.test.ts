// Following keys across everything that interrupts a watch.
import { expect, test } from "bun:test";
import { Code, RpcError } from "../rpc/rpc.ts";
import {
  applyUpdate,
  etcdStore,
  follow,
  type KeyValue,
  memoryStore,
  type Store,
  type Update,
} from "./etcd.ts";
import { testEtcd } from "./test-etcd.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** Follows until a key named `end` shows up; every put and deletion in order. */
async function record(store: Store, prefix: string): Promise<string[]> {
  const seen: string[] = [];
  const options = { minBackoffMs: 5, maxBackoffMs: 50 };
  for await (const update of follow(store, prefix, AbortSignal.timeout(15_000), options)) {
    seen.push(...words(update));
    if (seen.some((word) => word.includes("end"))) break;
  }
  return seen;
}

function words(update: Update): string[] {
  if (update.kind === "list") return [`list ${update.items.map(({ key }) => key).join(" ")}`];
  return update.events.map(({ kind, key }) => `${kind} ${key}`);
}

/** A store whose watches fail as told, one entry each; undefined: goes well. */
function failing(store: Store, failures: Error[]): Store {
  return {
    ...wrap(store),
    async *watch(prefix, from, signal) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      yield* store.watch(prefix, from, signal);
    },
  };
}

/** The methods of a class, as an object that can be spread. */
function wrap(store: Store): Store {
  return {
    get: (...given) => store.get(...given),
    range: (...given) => store.range(...given),
    transact: (...given) => store.transact(...given),
    put: (...given) => store.put(...given),
    delete: (...given) => store.delete(...given),
    watch: (...given) => store.watch(...given),
    grantLease: (...given) => store.grantLease(...given),
    keepAlive: (...given) => store.keepAlive(...given),
    revokeLease: (...given) => store.revokeLease(...given),
    compact: (...given) => store.compact(...given),
  };
}

test("follow lists what there is, then tells each change", async () => {
  const store = memoryStore();
  await store.put("a/1", text("x"));
  await store.put("b", text("other"));
  const seen = record(store, "a/");
  await Bun.sleep(1);
  await store.put("a/2", text("y"));
  await store.delete("a/1");
  await store.put("b", text("other"));
  await store.put("a/end", text(""));
  expect(await seen).toEqual(["list a/1", "put a/2", "delete a/1", "put a/end"]);
});

test("follow misses and repeats nothing across lost connections", async () => {
  const store = memoryStore();
  const lost = () => new RpcError(Code.unavailable, "connection lost");
  const seen = record(failing(store, [lost(), lost(), lost()]), "");
  await store.put("a", text("1"));
  await store.put("b", text("2"));
  await store.put("end", text(""));
  expect(
    (await seen)
      .join(" ")
      .replace(/list|put/g, "")
      .split(/ +/)
      .filter(Boolean),
  ).toEqual(["a", "b", "end"]);
});

test("follow lists anew when its revision is forgotten", async () => {
  const store = memoryStore();
  await store.put("a", text("1"));
  const lost = new RpcError(Code.unavailable, "connection lost");
  const slow = failing(store, [lost]);
  const seen = record(slow, "");
  await Bun.sleep(1);
  // While it waits to reconnect, history moves on without it.
  await store.put("b", text("2"));
  const revision = await store.put("end", text("3"));
  await store.compact(revision);
  expect(await seen).toEqual(["list a", "list a b end"]);
});

test.each([Code.permissionDenied, Code.unauthenticated, Code.unimplemented])(
  "follow gives up on code %d",
  async (code) => {
    const store = failing(memoryStore(), [new RpcError(code, "no")]);
    await expect(record(store, "")).rejects.toMatchObject({ code });
  },
);

test("follow throws the signal's reason", async () => {
  const reason = new RpcError(Code.cancelled, "enough");
  const stop = new AbortController();
  const updates = follow(memoryStore(), "", stop.signal);
  expect((await updates.next()).value).toMatchObject({ kind: "list", items: [] });
  setTimeout(() => stop.abort(reason), 5);
  expect(updates.next()).rejects.toBe(reason);
});

test("applyUpdate keeps a map as the store is", async () => {
  const store = memoryStore();
  const items = new Map<string, KeyValue>([["gone", {} as KeyValue]]);
  await store.put("a", text("1"));
  const updates = follow(store, "", AbortSignal.timeout(5_000));
  const advance = async () => {
    const { value } = await updates.next();
    if (value !== undefined) applyUpdate(items, value);
    return [...items.keys()];
  };
  expect(await advance()).toEqual(["a"]);
  await store.put("b", text("2"));
  expect(await advance()).toEqual(["a", "b"]);
  await store.delete("a");
  expect(await advance()).toEqual(["b"]);
});

test("follow goes on when etcd is killed and comes back", async () => {
  await using etcd = await testEtcd();
  const store = etcdStore(etcd.channel, "x/");
  await store.put("a", text("1"));
  const seen = record(store, "");
  await Bun.sleep(100);
  await store.put("b", text("2"));
  await etcd.kill();
  await Bun.sleep(200);
  etcd.start();
  await etcd.ready();
  await store.put("c", text("3"));
  await store.put("end", text(""));
  expect(await seen).toEqual(["list a", "put b", "put c", "put end"]);
});
