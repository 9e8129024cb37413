// Tests of the clock of log entries.
import { afterEach, expect, mock, spyOn, test } from "bun:test";
import { moment, now } from "./clock.ts";

afterEach(() => mock.restore());

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

test("now never goes back where the processor is away between its readings", () => {
  const clocks = { wall: Date.now.bind(Date), elapsed: performance.now.bind(performance) };
  let awayMs = 0;
  spyOn(performance, "now").mockImplementation(() => clocks.elapsed() + awayMs);
  spyOn(Date, "now").mockImplementation(() => {
    const wall = clocks.wall() + awayMs;
    awayMs += 5;
    return wall;
  });
  const stamps = Array.from({ length: 20 }, () => now().time.getTime());
  expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
});

test("now follows the system clock when that is set", () => {
  const wall = Date.now.bind(Date);
  for (const set of [60_000, -60_000]) {
    spyOn(Date, "now").mockImplementation(() => wall() + set);
    // A single reading may fall where the processor is away.
    const stamps = Array.from({ length: 20 }, () => now().time.getTime());
    expect(Math.abs((stamps.at(-1) ?? 0) - Date.now())).toBeLessThan(50);
  }
});

test.each([
  [0, 0, 0],
  [1_999, 1, 999],
  [1_646_055_045_996_960, 1_646_055_045_996, 960],
])("moment splits %d µs into %d ms and %d µs", (microseconds, milliseconds, micros) => {
  expect(moment(microseconds)).toEqual({ time: new Date(milliseconds), micros });
});
