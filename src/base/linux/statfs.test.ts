// Tests of statfs.
import { expect, test } from "bun:test";
import { kindOf, magic, usage } from "./statfs.ts";

test("usage gives sizes in bytes", () => {
  const { size, available } = usage("/");
  expect(size).toBeGreaterThan(1n << 20n);
  expect(available).toBeLessThanOrEqual(size);
});

test("kindOf tells file systems apart", () => {
  expect(kindOf("/dev/shm")).toBe(magic.tmpfs);
  expect(kindOf("/proc")).toBe(0x9fa0n);
});
