// The shape of filters, apart from what they cost.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readStructure, StructureError } from "./structure.ts";

test("readStructure counts the parts of an expression", () => {
  expect(readStructure("true").nodes).toBe(1);
  expect(readStructure("a == b").nodes).toBe(3);
  expect(readStructure("[1, 2, 3].exists(x, x > 1)").nodes).toBeGreaterThan(6);
});

test("readStructure allows 64 levels and no more", () => {
  const chain = (depth: number) => `a${".b".repeat(depth)}`;
  expect(() => readStructure(chain(64))).not.toThrow();
  expect(() => readStructure(chain(65))).toThrow("filter is nested too deeply");
});

test("readStructure allows loops after loops, and two within each other", () => {
  const after = `[1]${".map(x, x)".repeat(8)} == []`;
  expect(() => readStructure(after)).not.toThrow();
  const within = (depth: number, inner = "true"): string =>
    depth === 0 ? inner : within(depth - 1, `[1].all(v${depth}, ${inner})`);
  expect(() => readStructure(within(2))).not.toThrow();
  expect(() => readStructure(within(3))).toThrow("filter has too many nested loops");
});

test.each([
  ["nothing", ""],
  ["half an expression", "a =="],
  ["two expressions", "a b"],
  ["a statement", "a = 1"],
  ["our own price tags", "@turn(a, 0)"],
  ["a message", "google.protobuf.Empty{} == a"],
  ["4,097 characters", `a == '${"x".repeat(4_090)}'`],
])("readStructure refuses %s", (_, source) => {
  expect(() => readStructure(source)).toThrow(StructureError);
});

test("readStructure gives a structure or a StructureError for any text", () => {
  const words = fc.constantFrom("a", "(", ")", "[", "]", ".", "all", ",", "x", "{", "}", "!", "1");
  const texts = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 30 }).map((all) => all.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        expect(readStructure(text).nodes).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(StructureError);
      }
    }),
    { numRuns: 300 },
  );
});
