// Firmware variables written into a blank store, byte by byte.
import { expect, test } from "bun:test";
import { FormatError } from "./format.ts";
import { formatGuid, parseGuid } from "./guid.ts";
import {
  ATTRIBUTE,
  certificateList,
  type FirmwareVariable,
  writeVariables,
} from "./variable-store.ts";

const STORE_START = 0x48;
const STORE_BYTES = 1024;
const vendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/** A flash file as OVMF ships it: a volume header, a store header, and nothing but ones. */
function blankFlash(): Uint8Array {
  const flash = new Uint8Array(STORE_START + STORE_BYTES + 64).fill(0xff);
  flash.set(parseGuid("aaf32c78-947b-439a-a180-2e144ec37792"), STORE_START);
  new DataView(flash.buffer).setUint32(STORE_START + 16, STORE_BYTES, true);
  return flash;
}

function variable(name: string, size: number, attributes = 7): FirmwareVariable {
  return { name, vendor, attributes, bytes: new Uint8Array(size).fill(9) };
}

test("writeVariables puts variables one behind the other, four-byte aligned", () => {
  const flash = writeVariables(blankFlash(), [variable("PK", 5), variable("db", 3)]);
  const view = new DataView(flash.buffer);
  const first = STORE_START + 28;
  expect(view.getUint16(first, true)).toBe(0x55aa);
  expect(view.getUint8(first + 2)).toBe(0x3f);
  expect(view.getUint32(first + 4, true)).toBe(7);
  expect(view.getUint32(first + 36, true)).toBe(6);
  expect(view.getUint32(first + 40, true)).toBe(5);
  expect(formatGuid(flash, first + 44)).toBe(vendor);
  expect(flash.subarray(first + 60, first + 66).toHex()).toBe("50004b000000");
  // 60 of header, 6 of name, 5 of content make 71, and the next begins at 72.
  expect(view.getUint16(first + 72, true)).toBe(0x55aa);
  expect(flash[first + 71]).toBe(0xff);
});

test("writeVariables dates authenticated variables, and only those", () => {
  const all = ATTRIBUTE.nonVolatile | ATTRIBUTE.boot | ATTRIBUTE.authenticated;
  const year = (flash: Uint8Array) =>
    new DataView(flash.buffer).getUint16(STORE_START + 28 + 16, true);
  expect(year(writeVariables(blankFlash(), [variable("PK", 1, all)]))).toBe(2020);
  expect(year(writeVariables(blankFlash(), [variable("PK", 1, ATTRIBUTE.boot)]))).toBe(0);
});

test("writeVariables leaves the blank file alone, and all around the store", () => {
  const blank = blankFlash();
  const flash = writeVariables(blank, [variable("PK", 5)]);
  expect(blank).toEqual(blankFlash());
  expect(flash.subarray(STORE_START + STORE_BYTES)).toEqual(
    blank.subarray(STORE_START + STORE_BYTES),
  );
});

test("writeVariables refuses a file without a blank store, and too many variables", () => {
  expect(() => writeVariables(new Uint8Array(4096), [])).toThrow(FormatError);
  const used = writeVariables(blankFlash(), [variable("PK", 5)]);
  expect(() => writeVariables(used, [])).toThrow("not blank");
  expect(() => writeVariables(blankFlash(), [variable("PK", 2000)])).toThrow("full");
});

test("certificateList is a list of one X.509 certificate with its owner", () => {
  const list = certificateList(new Uint8Array(10).fill(1), vendor);
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  expect(formatGuid(list, 0)).toBe("a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
  expect(view.getUint32(16, true)).toBe(list.length);
  expect(view.getUint32(20, true)).toBe(0);
  expect(view.getUint32(24, true)).toBe(26);
  expect(formatGuid(list, 28)).toBe(vendor);
  expect(list.subarray(44)).toEqual(new Uint8Array(10).fill(1));
});
