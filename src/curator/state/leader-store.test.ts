// Tests of guarded writes.
import { expect, test } from "bun:test";
import { memoryStore } from "../../base/etcd/etcd.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { LeaderStore } from "./leader-store.ts";

const value = new Uint8Array([1]);

async function leading() {
  const store = memoryStore();
  const createRevision = await store.put("/leader/1", value);
  return { store, leader: new LeaderStore(store, { key: "/leader/1", createRevision }) };
}

test("commit writes while the leader's key exists", async () => {
  const { store, leader } = await leading();
  const revision = await leader.commit([{ put: "/a", value }]);
  expect((await store.get("/a"))?.modRevision).toBe(revision);
});

test("commit writes nothing after the leader's key is gone", async () => {
  const { store, leader } = await leading();
  await store.delete("/leader/1");
  await expect(leader.commit([{ put: "/a", value }])).rejects.toMatchObject({
    code: Code.unavailable,
    message: "leadership lost",
  });
  expect(await store.get("/a")).toBeUndefined();
});

test("commit writes nothing under a later leadership of the same key", async () => {
  const { store, leader } = await leading();
  await store.delete("/leader/1");
  await store.put("/leader/1", value);
  await expect(leader.commit([{ put: "/a", value }])).rejects.toThrow("leadership lost");
});

test("commit writes nothing when a compare fails", async () => {
  const { store, leader } = await leading();
  await expect(
    leader.commit([{ put: "/a", value }], [{ key: "/b", modRevision: 7n }]),
  ).rejects.toMatchObject({ code: Code.unavailable, message: "the state was changed meanwhile" });
  expect(await store.get("/a")).toBeUndefined();
});

test("failures of etcd are unavailable, whatever etcd calls them", async () => {
  const broken = {
    ...memoryStore(),
    get: () => Promise.reject(new RpcError(Code.permissionDenied, "etcdserver: no")),
  };
  const leader = new LeaderStore(broken, { key: "/leader/1", createRevision: 1n });
  await expect(leader.get("/a")).rejects.toMatchObject({
    code: Code.unavailable,
    message: "consensus: etcdserver: no",
  });
});
