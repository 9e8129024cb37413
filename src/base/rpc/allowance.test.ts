// Tests of rates, and of what is remembered of addresses.
import { expect, test } from "bun:test";
import { Acquaintances } from "./acquaintances.ts";
import { Allowance } from "./allowance.ts";

test("Allowance gives each origin its burst, and more as time goes by", () => {
  let now = 0;
  const allowance = new Allowance({ burst: 2, perSecond: 1 }, () => now);
  const takes = (origin: string) => allowance.take(origin);
  expect([takes("a"), takes("a"), takes("a"), takes("b")]).toEqual([true, true, false, true]);
  now = 999;
  expect(takes("a")).toBe(false);
  now = 1_000;
  expect([takes("a"), takes("a")]).toEqual([true, false]);
  now = 3_600_000;
  expect([takes("a"), takes("a"), takes("a")]).toEqual([true, true, false]);
});

test("Allowance keeps only so many origins", () => {
  const allowance = new Allowance({ burst: 1, perSecond: 0 }, () => 0);
  for (let count = 0; count < 16_384; count++) expect(allowance.take(`${count}`)).toBe(true);
  expect(allowance.take("0")).toBe(false);
  // "1" is the one that was not heard of for longest.
  allowance.take("another");
  expect(allowance.take("1")).toBe(true);
});

test("Acquaintances are forgotten after a day, and when there are too many", () => {
  let now = 0;
  const known = new Acquaintances(() => now);
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
