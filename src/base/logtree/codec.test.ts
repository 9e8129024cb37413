// Tests of the JSON lines between processes of ours.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeEntry, encodeEntry } from "./codec.ts";
import { type Entry, leveledEntry, rawEntry, severities } from "./entry.ts";
import { lineImporter, parseOwn } from "./line-importer.ts";
import { LogTree } from "./tree.ts";

const dns = fc.stringMatching(/^[a-z0-9_]{1,8}(\.[a-z0-9_]{1,8}){0,3}$/);
const moments = fc.record({
  time: fc.date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true }),
  micros: fc.integer({ min: 0, max: 999 }),
});
const texts = fc.string({ unit: "grapheme" });
const entries: fc.Arbitrary<Entry> = fc.oneof(
  fc
    .tuple(dns, texts, moments, fc.constantFrom(...severities), fc.nat(9_999))
    .map(([dn, text, moment, severity, line]) =>
      leveledEntry(dn, text, { severity, file: "x.ts", line, ...moment }),
    ),
  fc
    .tuple(dns, texts, moments)
    .map(([dn, text, moment]) => rawEntry(dn, text.replace(/[\r\n]/g, ""), moment)),
);

test("decodeEntry gives back what encodeEntry made, on one line", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const line = encodeEntry(entry);
      expect(line).not.toContain("\n");
      expect(decodeEntry(line)).toEqual(entry);
    }),
  );
});

const leveled = { d: "root", t: 1, s: "info", f: "x.ts", l: 1, m: ["text"] };
const raw = { d: "root", t: 1, r: "text", n: 4 };

test("decodeEntry accepts the samples that the next test spoils", () => {
  expect(decodeEntry(JSON.stringify(leveled))?.kind).toBe("leveled");
  expect(decodeEntry(JSON.stringify(raw))?.kind).toBe("raw");
});

test.each<object>([
  { ...leveled, d: "" },
  { ...leveled, d: "root..x" },
  { ...leveled, d: 7 },
  { ...leveled, d: "root\u001b" },
  { ...leveled, t: "1" },
  { ...leveled, t: -1 },
  { ...leveled, t: 1e300 },
  { ...leveled, t: null },
  { ...leveled, s: "debug" },
  { ...leveled, s: "constructor" },
  { ...leveled, f: "x".repeat(129) },
  { ...leveled, f: 1 },
  { ...leveled, l: 1.5 },
  { ...leveled, m: [] },
  { ...leveled, m: "text" },
  { ...leveled, m: ["text", 1] },
  { ...leveled, m: ["two\nlines"] },
  { ...raw, r: 1 },
  { ...raw, r: "two\nlines" },
  { ...raw, n: -1 },
  { ...raw, n: "4" },
])("decodeEntry refuses %j", (fields) => {
  expect(decodeEntry(JSON.stringify(fields))).toBeUndefined();
});

test.each(["", "{", "{}", "null", "[]", '{"d":', "plain text", "{not json}", '"{}"'])(
  "decodeEntry refuses the line %j",
  (line) => {
    expect(decodeEntry(line)).toBeUndefined();
  },
);

test("decodeEntry refuses half a surrogate pair and endless lines", () => {
  expect(decodeEntry('{"d":"root","t":1,"r":"\\ud800","n":3}')).toBeUndefined();
  const endless = JSON.stringify({ ...raw, r: "x".repeat(70_000) });
  expect(decodeEntry(endless)).toBeUndefined();
});

test("decodeEntry never throws, whatever comes", () => {
  const objects = fc.dictionary(fc.constantFrom("d", "t", "s", "f", "l", "m", "r", "n"), fc.json());
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        objects.map((each) => JSON.stringify(each)),
      ),
      (line) => {
        decodeEntry(line);
      },
    ),
  );
});

test("parseOwn takes a child's entries in its own branch, all else raw", () => {
  const tree = new LogTree();
  const feed = lineImporter(tree, "root.curator", parseOwn);
  const foreign = encodeEntry(leveledEntry("root.network", "not mine to say"));
  feed(encodeEntry(leveledEntry("root.curator.leader", "mine")));
  feed(foreign);
  feed("Segmentation fault");
  const { backlog } = tree.read({ dn: "", withChildren: true, backlog: "all" });
  expect(backlog.map(({ kind, dn }) => [kind, dn])).toEqual([
    ["leveled", "root.curator.leader"],
    ["raw", "root.curator"],
    ["raw", "root.curator"],
  ]);
});
