// A sentence may begin with anything.
import { expect, test } from "bun:test";
import { capital } from "./sentence.ts";

test.each([
  ["the disk is full", "The disk is full"],
  ["10.1.0.2 is silent", "10.1.0.2 is silent"],
  ["", ""],
])("capital of %p is %p", (text, expected) => {
  expect(capital(text)).toBe(expected);
});
