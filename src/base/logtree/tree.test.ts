// Tests of the log tree: writing, quotas, reading back and streaming.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { sleep } from "../event/event.ts";
import { DnError } from "./dn.ts";
import { type Entry, leveledEntry, rawEntry, type Severity, severities } from "./entry.ts";
import { includesEntry, ReadError, type ReadOptions } from "./read-options.ts";
import { LogTree } from "./tree.ts";

/** The text of entries, for comparison. */
function texts(entries: readonly Entry[]): string[] {
  return entries.map((entry) => (entry.kind === "raw" ? entry.text : entry.messages.join("\n")));
}

function backlog(tree: LogTree, options: Partial<ReadOptions> = {}): string[] {
  return texts(tree.read({ dn: "", withChildren: true, backlog: "all", ...options }).backlog);
}

test("LogTree.logger notes severity, time and the calling line", () => {
  const moment = { time: new Date("2022-02-28T13:30:45.996Z"), micros: 960 };
  const tree = new LogTree({ now: () => moment });
  const log = tree.logger("root.enrolment");
  log.warning("Careful");
  const [line] = /tree\.test\.ts:(\d+)/.exec(new TypeError().stack ?? "")?.slice(1) ?? [];
  const [entry] = tree.read({ dn: "root.enrolment", backlog: 1 }).backlog;
  expect(entry).toEqual({
    kind: "leveled",
    dn: "root.enrolment",
    severity: "warning",
    ...moment,
    file: "tree.test.ts",
    line: Number(line) - 1,
    messages: ["Careful"],
  });
});

test("LogTree.logger may be taken apart", () => {
  const tree = new LogTree();
  const { info, warning, error, fatal } = tree.logger("root");
  for (const write of [info, warning, error, fatal]) write("x");
  const { backlog: entries } = tree.read({ dn: "root", backlog: "all" });
  const found = entries.map((entry) => (entry.kind === "leveled" ? entry.severity : "raw"));
  expect(found).toEqual([...severities]);
});

test.each(["", ".", "root.", ".root", "root..a", "a b", "a\n", "ä", "\x1b[0m", "a".repeat(513)])(
  "LogTree refuses the DN %j",
  (dn) => {
    const tree = new LogTree();
    expect(() => tree.logger(dn)).toThrow(DnError);
    expect(() => tree.raw(dn)).toThrow(DnError);
    expect(() => tree.add(rawEntry(dn, "x"))).toThrow(DnError);
    if (dn !== "") expect(() => tree.read({ dn })).toThrow(DnError);
  },
);

test("LogTree.raw makes an entry of each line, and of the rest when flushed", () => {
  const tree = new LogTree();
  const raw = tree.raw("root.time");
  raw.write("one\ntw");
  raw.write("o\r\nthree");
  expect(backlog(tree)).toEqual(["one", "two"]);
  raw.flush();
  raw.flush();
  expect(backlog(tree)).toEqual(["one", "two", "three"]);
});

test("LogTree keeps 8192 entries of each DN and drops the oldest", () => {
  const tree = new LogTree();
  tree.add(rawEntry("root.quiet", "still here"));
  for (let index = 0; index < 10_000; index += 1) tree.add(rawEntry("root.loud", `${index}`));
  const loud = backlog(tree, { dn: "root.loud" });
  expect(loud.length).toBe(8_192);
  expect([loud.at(0), loud.at(-1)]).toEqual(["1808", "9999"]);
  expect(backlog(tree, { dn: "root.quiet" })).toEqual(["still here"]);
});

test("LogTree takes memory from whoever uses most", () => {
  const tree = new LogTree({ bytes: 20_000 });
  tree.add(rawEntry("root.quiet", "still here"));
  for (let index = 0; index < 500; index += 1) tree.add(rawEntry("root.loud", "x".repeat(100)));
  expect(backlog(tree, { dn: "root.quiet" })).toEqual(["still here"]);
  const { length } = backlog(tree, { dn: "root.loud" });
  expect(length).toBeGreaterThan(50);
  expect(length).toBeLessThan(70);
});

test("LogTree forgets the quietest DN when there are too many", () => {
  const tree = new LogTree();
  for (let index = 0; index < 1_100; index += 1) {
    tree.add(rawEntry(`hostile.${index}`, "x"));
    tree.add(rawEntry("root.busy", "y"));
  }
  expect(backlog(tree, { dn: "hostile.0" })).toEqual([]);
  expect(backlog(tree, { dn: "hostile.1099" })).toEqual(["x"]);
  expect(backlog(tree, { dn: "root.busy" }).length).toBe(1_100);
});

/** A tree with five entries of different DNs and kinds. */
function sample(): LogTree {
  const tree = new LogTree();
  tree.add(leveledEntry("root", "1"));
  tree.add(leveledEntry("root.a", "2", { severity: "error" }));
  tree.add(rawEntry("root.a.b", "3"));
  tree.add(leveledEntry("root.ab", "4", { severity: "warning" }));
  tree.add(rawEntry("init", "5"));
  return tree;
}

test.each<[Partial<ReadOptions>, string[]]>([
  [{}, ["1", "2", "3", "4", "5"]],
  [{ backlog: 2 }, ["4", "5"]],
  [{ backlog: 0 }, []],
  [{ dn: "", withChildren: false }, []],
  [{ dn: "root", withChildren: false }, ["1"]],
  [{ dn: "root" }, ["1", "2", "3", "4"]],
  [{ dn: "root", backlog: 3 }, ["2", "3", "4"]],
  [{ dn: "root.a" }, ["2", "3"]],
  [{ dn: "nobody" }, []],
  [{ onlyRaw: true }, ["3", "5"]],
  [{ onlyLeveled: true }, ["1", "2", "4"]],
  [{ onlyRaw: true, backlog: 1 }, ["5"]],
  [{ minimumSeverity: "warning" }, ["2", "4"]],
  [{ minimumSeverity: "error" }, ["2"]],
  [{ minimumSeverity: "info" }, ["1", "2", "4"]],
])("LogTree.read with %j gives %j", (options, expected) => {
  expect(backlog(sample(), options)).toEqual(expected);
});

test("LogTree.read refuses options that make no sense", () => {
  const tree = new LogTree();
  expect(() => tree.read({ dn: "root", onlyRaw: true, onlyLeveled: true })).toThrow(ReadError);
  for (const count of [-1, 1.5, Number.NaN]) {
    expect(() => tree.read({ dn: "root", backlog: count })).toThrow(ReadError);
  }
});

test("LogTree.read gives a closed stream unless asked for a stream", async () => {
  const tree = sample();
  const { stream } = tree.read({ dn: "", withChildren: true });
  tree.add(rawEntry("root", "later"));
  expect(await Array.fromAsync(stream)).toEqual([]);
});

test("LogTree.read streams what comes after the backlog, nothing twice", async () => {
  const tree = sample();
  const read = tree.read({ dn: "root", withChildren: true, backlog: 1, stream: true });
  tree.add(rawEntry("root.a", "new"));
  tree.add(rawEntry("other", "not mine"));
  read.stream.close();
  tree.add(rawEntry("root.a", "too late"));
  expect(texts(read.backlog)).toEqual(["4"]);
  expect(texts(await Array.fromAsync(read.stream))).toEqual(["new"]);
});

test("LogTree.read wakes a waiting reader, and ends it on close", async () => {
  const tree = new LogTree();
  const { stream } = tree.read({ dn: "root", stream: true });
  const all = Array.fromAsync(stream);
  for (const text of ["a", "b"]) {
    await sleep(0);
    tree.add(rawEntry("root", text));
  }
  await sleep(0);
  stream.close();
  expect(texts(await all)).toEqual(["a", "b"]);
  expect(stream.missed).toBe(0);
});

test("LogStream keeps 128 entries for a slow reader and counts the rest", async () => {
  const tree = new LogTree();
  const { stream } = tree.read({ dn: "root", stream: true });
  for (let index = 0; index < 200; index += 1) tree.add(rawEntry("root", `${index}`));
  expect(stream.missed).toBe(72);
  stream.close();
  const got = texts(await Array.fromAsync(stream));
  expect([got.length, got.at(0), got.at(-1)]).toEqual([128, "0", "127"]);
});

test("LogStream is closed by leaving its loop", async () => {
  const tree = new LogTree();
  const { stream } = tree.read({ dn: "root", stream: true });
  tree.add(rawEntry("root", "first"));
  for await (const _ of stream) break;
  for (let index = 0; index < 200; index += 1) tree.add(rawEntry("root", `${index}`));
  expect(stream.missed).toBe(0);
});

const dns = fc.constantFrom("root", "root.a", "root.a.b", "root.ab", "init");
const entries = fc.oneof(
  dns.map((dn) => rawEntry(dn, "raw")),
  fc
    .tuple(dns, fc.constantFrom<Severity[]>(...severities))
    .map(([dn, severity]) => leveledEntry(dn, "leveled", { severity })),
);
const options = fc.record<ReadOptions>(
  {
    dn: fc.constantFrom("", "root", "root.a", "root.a.b"),
    withChildren: fc.boolean(),
    onlyRaw: fc.boolean(),
    minimumSeverity: fc.constantFrom<Severity[]>(...severities),
  },
  { requiredKeys: ["dn"] },
);

test("LogTree.read filters backlog and stream alike", async () => {
  await fc.assert(
    fc.asyncProperty(options, fc.array(entries, { maxLength: 60 }), async (wanted, list) => {
      const tree = new LogTree();
      const { stream } = tree.read({ ...wanted, stream: true });
      for (const entry of list) tree.add(entry);
      stream.close();
      const expected = list.filter((entry) => includesEntry(wanted, entry));
      expect(await Array.fromAsync(stream)).toEqual(expected);
      expect(tree.read({ ...wanted, backlog: "all" }).backlog).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test("LogTree.read splits every history without loss between backlog and stream", async () => {
  const cases = fc.tuple(fc.array(entries, { maxLength: 40 }), fc.nat(40));
  await fc.assert(
    fc.asyncProperty(cases, async ([list, cut]) => {
      const tree = new LogTree();
      for (const entry of list.slice(0, cut)) tree.add(entry);
      const all = { dn: "", withChildren: true, backlog: "all", stream: true } as const;
      const read = tree.read(all);
      for (const entry of list.slice(cut)) tree.add(entry);
      read.stream.close();
      expect([...read.backlog, ...(await Array.fromAsync(read.stream))]).toEqual(list);
    }),
    { numRuns: 50 },
  );
});
