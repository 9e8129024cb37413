// GUIDs in their two orders of bytes.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "./format.ts";
import { formatGuid, guidFromHex, parseGuid } from "./guid.ts";

// The EFI system partition's type, and its bytes as every disk holds them.
const ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
const ESP_BYTES = "28732ac11ff8d211ba4b00a0c93ec93b";

test("parseGuid stores the first three groups little-endian", () => {
  expect(parseGuid(ESP).toHex()).toBe(ESP_BYTES);
});

test("parseGuid takes upper case", () => {
  expect(parseGuid(ESP.toUpperCase()).toHex()).toBe(ESP_BYTES);
});

test.each(["", "c12a7328", `${ESP}0`, ESP.replaceAll("-", ""), `{${ESP}}`, ESP.replace("c", "g")])(
  "parseGuid refuses %p",
  (text) => {
    expect(() => parseGuid(text)).toThrow(FormatError);
  },
);

test("formatGuid reverses parseGuid", () => {
  fc.assert(fc.property(fc.uuid(), (guid) => formatGuid(parseGuid(guid)) === guid));
});

test("formatGuid reads at an offset and refuses the end of the bytes", () => {
  const bytes = new Uint8Array(20);
  bytes.set(parseGuid(ESP), 4);
  expect(formatGuid(bytes, 4)).toBe(ESP);
  expect(() => formatGuid(bytes, 5)).toThrow(FormatError);
});

test("guidFromHex shows the first 128 bits in order", () => {
  const hash = "00112233445566778899aabbccddeeff".repeat(2);
  expect(guidFromHex(hash)).toBe("00112233-4455-6677-8899-aabbccddeeff");
});

test("guidFromHex refuses what is too short or no hexadecimal", () => {
  expect(() => guidFromHex("0011")).toThrow(FormatError);
  expect(() => guidFromHex("z".repeat(32))).toThrow(FormatError);
});
