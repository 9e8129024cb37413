// CRC-32 against its published check value.
import { expect, test } from "bun:test";
import { crc32 } from "./crc32.ts";

const text = new TextEncoder().encode("123456789");

test("crc32 gives the catalogue's check value", () => {
  expect(crc32(text)).toBe(0xcbf43926);
});

test("crc32 continues over pieces", () => {
  expect(crc32(text.subarray(4), crc32(text.subarray(0, 4)))).toBe(0xcbf43926);
});

test("crc32 of nothing is zero", () => {
  expect(crc32(new Uint8Array())).toBe(0);
});
