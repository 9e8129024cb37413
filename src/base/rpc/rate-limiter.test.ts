// Tests of rates, and of what is remembered of addresses.
import { expect, test } from "bun:test";
import { RateLimiter } from "./rate-limiter.ts";

test("RateLimiter gives each origin its burst, and more as time goes by", () => {
  let now = 0;
  const limiter = new RateLimiter({ burst: 2, perSecond: 1 }, () => now);
  const takes = (origin: string) => limiter.take(origin);
  expect([takes("a"), takes("a"), takes("a"), takes("b")]).toEqual([true, true, false, true]);
  now = 999;
  expect(takes("a")).toBe(false);
  now = 1_000;
  expect([takes("a"), takes("a")]).toEqual([true, false]);
  now = 3_600_000;
  expect([takes("a"), takes("a"), takes("a")]).toEqual([true, true, false]);
});

test("RateLimiter keeps only so many origins", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 0 }, () => 0);
  for (let count = 0; count < 16_384; count++) expect(limiter.take(`${count}`)).toBe(true);
  expect(limiter.take("0")).toBe(false);
  // "1" is the one that was not heard of for longest.
  limiter.take("another");
  expect(limiter.take("1")).toBe(true);
});
