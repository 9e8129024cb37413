// Tests of the ESP, as far as they go without mounting one.
import { expect, test } from "bun:test";
import { isDirty } from "./esp.ts";

test("isDirty reads the state of a FAT32", () => {
  const sector = new Uint8Array(512);
  expect(isDirty(sector)).toBe(false);
  sector[0x41] = 1;
  expect(isDirty(sector)).toBe(true);
  // Bit 1 asks for a test of the surface, which is another matter.
  sector[0x41] = 2;
  expect(isDirty(sector)).toBe(false);
});

test("isDirty takes a sector that is cut short for clean", () => {
  expect(isDirty(new Uint8Array(16))).toBe(false);
});
