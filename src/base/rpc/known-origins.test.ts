// Tests of the memory of origins.
import { expect, test } from "bun:test";
import { KnownOrigins } from "./known-origins.ts";

test("KnownOrigins are forgotten after a day, and when there are too many", () => {
  let now = 0;
  const known = new KnownOrigins(() => now);
  expect(known.has("a")).toBe(false);
  known.note("a");
  expect(known.has("a")).toBe(true);
  for (let count = 0; count < 19_999; count++) known.note(`${count}`);
  known.note("a");
  known.note("b");
  expect([known.has("a"), known.has("0"), known.has("1")]).toEqual([true, false, true]);
  now = 25 * 3_600_000;
  expect(known.has("a")).toBe(false);
});
