// Tables hold for any cells: scripts cut them at the headers' columns.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { columnsOf, type Row, renderTable } from "./table.ts";

const cell = fc.stringMatching(/^[ -~]{0,20}$/).map((text) => text.trimEnd());
const rows: fc.Arbitrary<readonly Row[]> = fc.array(
  fc.dictionary(fc.constantFrom("a", "bb", "node id"), cell, { noNullPrototype: true }),
  { maxLength: 6 },
);

test("renderTable lets every cell be found again under its header", () => {
  fc.assert(
    fc.property(rows, (given) => {
      const columns = ["a", "bb", "node id"];
      const [header = "", ...lines] = renderTable(given, columns).split("\n");
      const starts = columns.map((name) => header.indexOf(name.toUpperCase()));
      expect(lines).toHaveLength(given.length);
      for (const [at, line] of lines.entries()) {
        const cells = starts.map((start, index) => line.slice(start, starts[index + 1]).trimEnd());
        expect(cells).toEqual(columns.map((name) => given[at]?.[name] ?? ""));
      }
    }),
  );
});

test("renderTable leaves no blanks at the ends of lines", () => {
  fc.assert(
    fc.property(rows, (given) => {
      for (const line of renderTable(given, ["a", "bb"]).split("\n"))
        expect(line).toBe(line.trimEnd());
    }),
  );
});

test("renderTable of no rows is its header, of no columns nothing", () => {
  expect(renderTable([], ["node id", "state"])).toBe("NODE ID   STATE");
  expect(renderTable([], [])).toBe("");
});

test("columnsOf keeps the order in which columns first appear", () => {
  expect(
    columnsOf([
      { b: "", a: "" },
      { c: "", a: "" },
    ]),
  ).toEqual(["b", "a", "c"]);
  expect(columnsOf([])).toEqual([]);
});
