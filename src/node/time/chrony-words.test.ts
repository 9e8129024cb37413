// chronyd's words.
import { expect, test } from "bun:test";
import { durationText, refusedChange } from "./chrony-words.ts";

test("a change that chronyd does not make is read from its line", () => {
  const line =
    "2026-11-27T17:00:00Z Adjustment of -315360000.123 seconds exceeds the allowed maximum of 86400.000 seconds (ignored)";
  expect(refusedChange(line)).toBe(-315360000.123);
  expect(refusedChange("2026-11-27T17:00:00Z System clock was stepped by 3.0 seconds")).toBe(
    undefined,
  );
});

test("durations are said in hours or days", () => {
  expect([-315_360_000, 108_000].map(durationText)).toEqual(["3650 days", "30 hours"]);
});
