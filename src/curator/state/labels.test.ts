// Tests of the rules of labels and domains.
import { expect, test } from "bun:test";
import { isDomain } from "./domain.ts";
import { admissibleLabels, isLabelKey, isLabelValue, MOST_LABELS, sortLabels } from "./labels.ts";

test.each([
  ["zone", true],
  ["a", true],
  ["A.b_c-9", true],
  ["example.com/zone", true],
  [`a${"b".repeat(62)}`, true],
  [`a${"b".repeat(63)}`, false],
  ["", false],
  ["-a", false],
  ["a-", false],
  ["a b", false],
  ["a\n", false],
  ["/a", false],
  ["example.com/", false],
  ["Example.com/a", false],
  ["a/b/c", false],
  [`${"a.".repeat(126)}a/zone`, true],
  [`${"a.".repeat(127)}a/zone`, false],
])("isLabelKey of %p is %p", (key, expected) => {
  expect(isLabelKey(key)).toBe(expected);
});

test.each([
  ["", true],
  ["v1.2", true],
  ["v".repeat(63), true],
  ["v".repeat(64), false],
  [".v", false],
  ["ä", false],
])("isLabelValue of %p is %p", (value, expected) => {
  expect(isLabelValue(value)).toBe(expected);
});

test.each([
  ["cluster.internal", true],
  ["a", true],
  ["a-b.c", true],
  ["", false],
  ["a..b", false],
  ["-a.b", false],
  ["a_b", false],
  ["Cluster.internal", false],
  ["10.0.0.1", false],
  ["a.0x1f", false],
  ["a.0x", false],
  ["a.1b", true],
  [`${"a".repeat(63)}.b`, true],
  [`${"a".repeat(64)}.b`, false],
  ["abcdefghij.".repeat(8), false],
])("isDomain of %p is %p", (text, expected) => {
  expect(isDomain(text, 80)).toBe(expected);
});

test("sortLabels orders by key", () => {
  const labels = ["b", "a", "c"].map((key) => ({ key, value: "" }));
  expect(sortLabels(labels).map(({ key }) => key)).toEqual(["a", "b", "c"]);
});

test("admissibleLabels drops bad ones and keeps the first of a key", () => {
  const asked = [
    { key: "b", value: "first" },
    { key: "-", value: "bad key" },
    { key: "b", value: "second" },
    { key: "c", value: "-" },
    { key: "a", value: "" },
  ];
  expect(admissibleLabels(asked)).toEqual([
    { key: "a", value: "" },
    { key: "b", value: "first" },
  ]);
});

test("admissibleLabels cuts off what is too much", () => {
  const asked = Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, value: "" }));
  expect(admissibleLabels(asked)).toHaveLength(MOST_LABELS);
});

test("admissibleLabels keeps only so many bytes together", () => {
  const asked = Array.from({ length: 20 }, (_, at) => ({ key: `key${at + 10}`, value: "12345" }));
  expect(admissibleLabels(asked, 100)).toHaveLength(10);
  expect(admissibleLabels(asked, 99)).toHaveLength(9);
});
