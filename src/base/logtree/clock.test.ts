// Tests of the clock of log entries.
import { expect, test } from "bun:test";
import { moment, now } from "./clock.ts";

test("now agrees with the system clock", () => {
  expect(Math.abs(now().time.getTime() - Date.now())).toBeLessThan(50);
});

test("now never goes back and tells microseconds apart", () => {
  const stamps = Array.from({ length: 1_000 }, () => {
    const { time, micros } = now();
    return time.getTime() * 1_000 + micros;
  });
  const sorted = [...stamps].sort((a, b) => a - b);
  expect(stamps).toEqual(sorted);
  expect(stamps.some((stamp) => stamp % 1_000 !== 0)).toBeTrue();
});

test.each([
  [0, 0, 0],
  [1_999, 1, 999],
  [1_646_055_045_996_960, 1_646_055_045_996, 960],
])("moment splits %d µs into %d ms and %d µs", (microseconds, milliseconds, micros) => {
  expect(moment(microseconds)).toEqual({ time: new Date(milliseconds), micros });
});
