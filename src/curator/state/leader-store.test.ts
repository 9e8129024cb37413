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

test("who asks for a key while it is read gets what is read after that, once for all", async () => {
  const { store, leader: held } = await leading();
  let reads = 0;
  const counted = {
    ...store,
    get: async (key: string) => {
      reads++;
      const item = await store.get(key);
      await Bun.sleep(1);
      return item;
    },
  };
  const leader = new LeaderStore(counted, { key: "/leader/1", createRevision: 1n });
  const before = leader.get("/a");
  await held.commit([{ put: "/a", value }]);
  const after = await Promise.all(Array.from({ length: 20 }, () => leader.get("/a")));
  expect(await before).toBeUndefined();
  expect(after.map((item) => item?.value)).toEqual(Array(20).fill(value));
  expect(reads).toBe(2);
  expect((await leader.get("/a"))?.value).toEqual(value);
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
