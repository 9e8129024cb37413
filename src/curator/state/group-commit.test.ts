// Tests of transactions that share one.
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Compare,
  memoryStore,
  type Outcome,
  type Store,
  type Write,
} from "../../base/etcd/etcd.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { GroupCommit } from "./group-commit.ts";

const value = new Uint8Array([1]);
const put = (key: string): Write => ({ put: key, value });
const isNew = (key: string): Compare => ({ key, createRevision: 0n });

/** A store that answers when it is let, and tells the keys that each transaction wrote. */
function heldStore(store: Store = memoryStore()) {
  const seen: string[][] = [];
  const open = Promise.withResolvers<void>();
  const commits = new GroupCommit(async (compares, writes) => {
    seen.push(writes.map((write) => ("put" in write ? write.put : "other")));
    await open.promise;
    return store.transact(compares, writes);
  });
  return { store, seen, commits, open: open.resolve };
}

/** As many as are under way at once. */
async function fill(commits: GroupCommit): Promise<void> {
  for (const each of ["w", "x", "y", "z"]) void commits.transact([], [put(each)]);
}

test("GroupCommit does the first at once, and those that wait together", async () => {
  const { seen, commits, open, store } = heldStore();
  await fill(commits);
  const late = ["a", "b", "c"].map((key) => commits.transact([isNew(key)], [put(key)]));
  expect(seen).toEqual([["w"], ["x"], ["y"], ["z"]]);
  open();
  const outcomes = await Promise.all(late);
  expect(seen[4]).toEqual(["a", "b", "c"]);
  const [{ revision } = { revision: 0n }] = outcomes;
  expect(outcomes).toEqual(Array(3).fill({ succeeded: true, revision }));
  expect((await store.get("c"))?.modRevision).toBe(revision);
});

test("GroupCommit lets nobody pay for another's compare", async () => {
  const { commits, open, store } = heldStore();
  await store.put("taken", value);
  await fill(commits);
  const late = ["a", "taken", "b"].map((key) => commits.transact([isNew(key)], [put(key)]));
  open();
  const outcomes = await Promise.all(late);
  expect(outcomes.map(({ succeeded }) => succeeded)).toEqual([true, false, true]);
});

test.each<[string, Write[], Compare[]]>([
  ["writes the same key", [put("a")], []],
  ["writes what another compares", [put("seen")], []],
  ["compares what another writes", [put("b")], [isNew("a")]],
  ["deletes many keys", [{ deletePrefix: "a" }], []],
  ["writes too much", [{ put: "b", value: new Uint8Array(600_000) }], []],
])("GroupCommit keeps apart one that %s", async (_, writes, compares) => {
  const { seen, commits, open } = heldStore();
  await fill(commits);
  const first = commits.transact([isNew("seen")], [put("a")]);
  const second = commits.transact(compares, writes);
  const third = commits.transact([], [put("c")]);
  open();
  await Promise.all([first, second, third]);
  expect(seen[4]).toEqual(["a"]);
});

test("GroupCommit puts no more into one than etcd takes", async () => {
  const { seen, commits, open } = heldStore();
  await fill(commits);
  const all = Array.from({ length: 250 }, (_, at) => commits.transact([], [put(`${at}`)]));
  open();
  await Promise.all(all);
  expect(seen.slice(4).map(({ length }) => length)).toEqual([100, 100, 50]);
});

test("GroupCommit tells everyone of a failure, and goes on", async () => {
  let isBroken = true;
  const commits = new GroupCommit(async (): Promise<Outcome> => {
    if (isBroken) throw new TypeError("no etcd");
    return { succeeded: true, revision: 7n };
  });
  const all = Array.from({ length: 10 }, () => commits.transact([], [put("a")]));
  for (const each of await Promise.allSettled(all)) expect(each.status).toBe("rejected");
  isBroken = false;
  expect(await commits.transact([], [put("a")])).toEqual({ succeeded: true, revision: 7n });
});

test("GroupCommit deletes in a full database, whoever puts beside it", async () => {
  const full = new RpcError(Code.resourceExhausted, "etcdserver: mvcc: database space exceeded");
  const open = Promise.withResolvers<void>();
  const commits = new GroupCommit(async (_, writes) => {
    await open.promise;
    if (writes.some((write) => "put" in write)) throw full;
    return { succeeded: true, revision: 1n };
  });
  const puts = Array.from({ length: 5 }, (_, at) => commits.transact([], [put(`${at}`)]));
  const gone = commits.transact([], [{ delete: "a" }]);
  open.resolve();
  expect(await gone).toMatchObject({ succeeded: true });
  for (const each of await Promise.allSettled(puts)) expect(each).toMatchObject({ reason: full });
});

test("counters that everyone raises under a compare lose no step", async () => {
  const add = async (commits: GroupCommit, store: Store, key: string): Promise<void> => {
    for (;;) {
      const held = await store.get(key);
      const next = new Uint8Array([(held?.value[0] ?? 0) + 1]);
      const compare = { key, modRevision: held?.modRevision ?? 0n };
      const { succeeded } = await commits.transact([compare], [{ put: key, value: next }]);
      if (succeeded) return;
    }
  };
  const keys = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(keys, async (chosen) => {
      const store = memoryStore();
      const commits = new GroupCommit((compares, writes) => store.transact(compares, writes));
      await Promise.all(chosen.map((key) => add(commits, store, key)));
      for (const key of new Set(chosen)) {
        const count = chosen.filter((each) => each === key).length;
        expect((await store.get(key))?.value[0]).toBe(count);
      }
    }),
    { numRuns: 50 },
  );
});
