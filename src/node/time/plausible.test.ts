// Which clocks can be right.
import { expect, test } from "bun:test";
import { isPlausible } from "./plausible.ts";

const uptimeMs = 30_000;
const at = (text: string) => Date.parse(text);

test.each([
  ["2026-11-01T00:00:40Z", undefined, false, "init has set it to the release's time"],
  ["2026-11-27", undefined, true, "a machine that was just installed"],
  ["2029-06-01", undefined, true, "an old release"],
  ["2036-01-01", undefined, false, "ten years ahead"],
  ["2027-03-02", "2027-03-01", true, "a night without power"],
  ["2027-03-01T12:00:00Z", "2027-03-02", true, "a clock that is slow"],
  ["2027-01-01", "2027-03-01", false, "a clock that went back by months"],
  ["2028-03-01", "2027-03-01", true, "a year on a shelf"],
  ["2036-01-01", "2027-03-01", false, "ten years ahead of what it was"],
  ["2026-11-01T00:00:40Z", "2026-11-01T00:00:10Z", false, "a battery that is empty"],
] as const)("a clock at %s, last believed at %s: %p (%s)", (now, last, expected) => {
  const facts = { now: at(now), uptimeMs, ...(last !== undefined && { last: at(last) }) };
  expect(isPlausible(facts)).toBe(expected);
});
