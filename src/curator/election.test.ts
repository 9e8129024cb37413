// Tests of standing for election, over a store in memory.
import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { memoryStore, type Store } from "../base/etcd/etcd.ts";
import { Value } from "../base/event/event.ts";
import { Code, RpcError } from "../base/rpc/rpc.ts";
import { Supervisor } from "../base/supervisor/supervisor.ts";
import { NodeSchema } from "../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { elect, followLeader } from "./election.ts";
import { locateLeader } from "./leader-address.ts";
import type { LeaderAddress } from "./local/get-current-leader.ts";
import { DatabaseQuota } from "./state/database-quota.ts";
import { keys } from "./state/keys.ts";
import type { Leader } from "./state/leader.ts";
import { NodeCache } from "./state/node-cache.ts";
import { SimulatedConsensus } from "./state/test-consensus.ts";

const soon = () => AbortSignal.timeout(5_000);
const present = (leader: Leader | undefined) => leader !== undefined;
const absent = (leader: Leader | undefined) => leader === undefined;

/** Nobody is ever taken for dead. */
const detectFailure = () => Promise.withResolvers<never>().promise;

/** A candidate that stands until it is disposed of. */
function standing(store: Store, self: string) {
  const leading = new Value<Leader | undefined>();
  const nodes = new NodeCache();
  const consensus = new SimulatedConsensus();
  const supervisor = new Supervisor(
    elect(
      {
        self,
        store,
        nodes,
        owner: new Value(),
        consensus,
        quota: new DatabaseQuota(),
        ttlSeconds: 1,
        detectFailure,
      },
      leading,
    ),
  );
  supervisor.start();
  return { leading, nodes, [Symbol.asyncDispose]: () => supervisor.stop(3_000) };
}

test("elect makes one candidate the leader, and the next one when that ends", async () => {
  const store = memoryStore();
  const first = standing(store, "a");
  await first.leading.first(soon(), present);
  await using second = standing(store, "b");
  await Bun.sleep(20);
  expect(second.leading.current).toBeUndefined();
  await first[Symbol.asyncDispose]();
  expect(first.leading.current).toBeUndefined();
  expect((await second.leading.first(soon(), present))?.self).toBe("b");
});

test("elect reads all nodes before it leads", async () => {
  const store = memoryStore();
  await store.put(keys.node("n"), toBinary(NodeSchema, create(NodeSchema, { id: "n" })));
  await using candidate = standing(store, "a");
  await candidate.leading.first(soon(), present);
  expect(candidate.nodes.get("n")).toBeDefined();
});

test("elect stands again when the leader's key is deleted, as another leader", async () => {
  const store = memoryStore();
  await using candidate = standing(store, "a");
  const before = await candidate.leading.first(soon(), present);
  for (const { key } of (await store.range(keys.leader)).items) await store.delete(key);
  await candidate.leading.first(soon(), absent);
  const after = await candidate.leading.first(soon(), present);
  expect(after).not.toBe(before);
  await expect(before?.store.confirm()).rejects.toThrow("leadership lost");
  await after?.store.confirm();
});

test("elect does not wait for the key of its own earlier life", async () => {
  const store = memoryStore();
  const crashed = standing(store, "a");
  await crashed.leading.first(soon(), present);
  await using again = standing(store, "a");
  await again.leading.first(soon(), present);
  await crashed[Symbol.asyncDispose]();
});

test("followLeader tells each leader by ID", async () => {
  const store = memoryStore();
  const end = new AbortController();
  const leaders = followLeader(store, end.signal);
  expect((await leaders.next()).value).toBeUndefined();
  const candidate = standing(store, "a");
  expect((await leaders.next()).value).toBe("a");
  await candidate[Symbol.asyncDispose]();
  expect((await leaders.next()).value).toBeUndefined();
  end.abort();
});

/** What is told of the leader of a store whose nodes have these addresses. */
function locating(store: Store, self: string) {
  const nodes = new NodeCache();
  const ownAddresses = new Value<readonly string[]>([]);
  const address = new Value<LeaderAddress | undefined>();
  const supervisor = new Supervisor(locateLeader({ self, store, nodes, ownAddresses }, address));
  supervisor.start();
  const report = async (id: string, externalAddress: string, port = 0) => {
    const runningCurator = port === 0 ? {} : { runningCurator: { port } };
    const node = create(NodeSchema, { id, status: { externalAddress, ...runningCurator } });
    await store.put(keys.node(id), toBinary(NodeSchema, node));
    nodes.reset(await store.range(keys.nodes));
  };
  const host = async (wanted: string | undefined) =>
    (await address.first(soon(), (found) => found?.hosts[0] === wanted))?.port;
  return { ownAddresses, report, host, [Symbol.asyncDispose]: () => supervisor.stop(3_000) };
}

test("locateLeader finds another member by its status, and follows it", async () => {
  const store = memoryStore();
  await using _leader = standing(store, "a");
  await using located = locating(store, "b");
  await located.host(undefined);
  await located.report("a", "192.0.2.1");
  expect(await located.host("192.0.2.1")).toBe(7835);
  await located.report("a", "192.0.2.2", 1234);
  expect(await located.host("192.0.2.2")).toBe(1234);
  await located.report("a", "");
  expect(await located.host(undefined)).toBeUndefined();
});

test("locateLeader trusts this node's own address more than what was reported", async () => {
  const store = memoryStore();
  await using _leader = standing(store, "a");
  await using located = locating(store, "a");
  await located.report("a", "192.0.2.1");
  await located.host("192.0.2.1");
  located.ownAddresses.set(["192.0.2.9"]);
  await located.host("192.0.2.9");
});

test("elect stands again when etcd lets go of a request", async () => {
  const store = memoryStore();
  let refused = 0;
  const busy = new Proxy(store, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name);
      if (name !== "grantLease" || refused > 1)
        return typeof own === "function" ? own.bind(target) : own;
      refused += 1;
      return () => Promise.reject(new RpcError(Code.unavailable, "etcdserver: leader changed"));
    },
  });
  await using candidate = standing(busy, "one");
  await candidate.leading.first(soon(), present);
  expect(refused).toBe(2);
});

test("elect stands again when the new leader cannot read the nodes", async () => {
  const store = memoryStore();
  let refused = 0;
  const busy = new Proxy(store, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name);
      if (name !== "range") return typeof own === "function" ? own.bind(target) : own;
      return (prefix: string) => {
        if (prefix !== keys.nodes || refused > 0) return target.range(prefix);
        refused += 1;
        return Promise.reject(new RpcError(Code.unavailable, "etcdserver: leader changed"));
      };
    },
  });
  await using candidate = standing(busy, "one");
  await candidate.leading.first(soon(), present);
  expect(refused).toBe(1);
});
