// Tests of telling why etcd does not start.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { givesUp, parseEtcd, type StartFailure, Starts } from "./starts.ts";

const json = (level: string, msg: string, error?: string) =>
  JSON.stringify({ level, ts: "2026-11-27T17:45:47.423610Z", caller: "a/b.go:1", msg, error });

test.each([
  [
    json("panic", "failed to open database", "invalid database"),
    "failed to open database: invalid database",
  ],
  [
    json("fatal", "failed to recover v3 backend from snapshot"),
    "failed to recover v3 backend from snapshot",
  ],
  [
    "panic: freepages: failed to get all reachable pages",
    "freepages: failed to get all reachable pages",
  ],
  ["fatal error: fault", "fatal error: fault"],
  ["goroutine 1 [running]:", undefined],
  [json("error", "lost leader"), undefined],
  ["{ no JSON", undefined],
])("givesUp finds the reason in %s", (line, reason) => {
  expect(givesUp(line)).toBe(reason);
});

test("parseEtcd leaves what etcd cries as it falls to the log", () => {
  const now = new Date(0);
  expect(parseEtcd("goroutine 1 [running]:", "root", now)?.kind).toBe("raw");
  const fatal = parseEtcd(json("panic", "failed"), "root", now);
  expect(fatal).toMatchObject({ kind: "leveled", severity: "warning" });
  expect(parseEtcd(json("error", "lost leader"), "root", now)).toMatchObject({ severity: "error" });
});

function starts() {
  const tree = new LogTree();
  const failure = new Value<StartFailure | null>(null);
  const all = new Starts(failure, tree.logger("root"));
  const errors = () =>
    tree.read({ dn: "root", backlog: "all", minimumSeverity: "error" }).backlog.length;
  const fail = (lines: string | readonly string[], times = 1) => {
    for (let i = 0; i < times; i++) {
      all.begin();
      for (const line of [lines].flat()) all.hear(line);
      expect(all.ended()).toBe(true);
    }
  };
  return { all, failure, errors, fail };
}

test("Starts tells of damage once, after it has happened a few times", () => {
  const { failure, errors, fail } = starts();
  fail("panic: freepages", 2);
  expect(failure.current).toBeNull();
  fail("panic: freepages", 5);
  expect(failure.current).toEqual({
    text: "its copy of the cluster's state is damaged: freepages",
    isDamaged: true,
  });
  expect(errors()).toBe(1);
});

test("Starts takes nothing for damage that another copy would not mend", () => {
  const { failure, fail } = starts();
  fail(json("fatal", "listen", "listen tcp 0.0.0.0:7834: bind: address already in use"), 3);
  expect(failure.current?.isDamaged).toBe(false);
  expect(failure.current?.text).toStartWith("etcd does not start: listen");
});

/** As etcd 3.6 says them on a full disk, after a power cut. */
const noRoom = json(
  "error",
  "failed to preallocate space when creating a new WAL",
  "no space left on device",
);
const noRepair = json("fatal", "failed to repair WAL", "unexpected EOF");

test("Starts takes a log that etcd found no room to repair for no damage", () => {
  const { failure, fail } = starts();
  fail([noRoom, noRepair], 3);
  expect(failure.current).toEqual({
    text: "etcd does not start: failed to preallocate space when creating a new WAL: no space left on device",
    isDamaged: false,
  });
});

test("Starts tells of damage that is left when room is back", () => {
  const { failure, fail } = starts();
  fail([noRoom, noRepair], 5);
  fail(noRepair, 2);
  expect(failure.current?.isDamaged).toBe(false);
  fail(noRepair);
  expect(failure.current?.isDamaged).toBe(true);
});

test("Starts forgets what is over, and leaves an end without a reason to others", () => {
  const { all, failure, fail } = starts();
  fail("panic: freepages", 3);
  expect(failure.current).not.toBeNull();
  const next = new Starts(failure, new LogTree().logger("root"));
  next.begin();
  next.serves();
  expect(failure.current).toBeNull();
  all.begin();
  expect(all.ended()).toBe(false);
});
