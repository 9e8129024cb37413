// Sizes as people write them.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "./format.ts";
import { formatSize, parseSize } from "./size.ts";

test.each([
  ["0", 0],
  ["4096", 4096],
  ["512M", 512 * 2 ** 20],
  ["4G", 4 * 2 ** 30],
  ["4g", 4 * 2 ** 30],
  ["4GiB", 4 * 2 ** 30],
  ["4 GB", 4 * 2 ** 30],
  ["1.5K", 1536],
  [" 2T ", 2 * 2 ** 40],
])("parseSize reads %p as %p bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "G", "-1", "1X", "1.3", "1e3", "0x10", "1 2", "9999P", "Infinity"])(
  "parseSize refuses %p",
  (text) => {
    expect(() => parseSize(text)).toThrow(FormatError);
  },
);

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [512 * 2 ** 20, "512 MiB"],
  [4 * 2 ** 30, "4 GiB"],
  [2 ** 60, "1024 PiB"],
])("formatSize prints %p as %p", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test("parseSize reads what formatSize prints for whole units", () => {
  const whole = fc.tuple(fc.integer({ min: 1, max: 1023 }), fc.integer({ min: 1, max: 4 }));
  fc.assert(
    fc.property(whole, ([value, power]) => {
      const bytes = value * 1024 ** power;
      return parseSize(formatSize(bytes)) === bytes;
    }),
  );
});
