// DER as others write it, and input that is cut short or lies about its length.
import { expect, test } from "bun:test";
import {
  bitString,
  explicit,
  integer,
  octetString,
  oid,
  raw,
  readDer,
  sequence,
  set,
} from "./der.ts";
import { FormatError } from "./format.ts";

const hex = (text: string) => Uint8Array.fromHex(text);

test.each([
  ["1.2.840.113549.1.1.1", "06092a864886f70d010101"],
  ["2.16.840.1.101.3.4.2.1", "0609608648016503040201"],
  ["1.3.6.1.4.1.311.2.1.4", "060a2b060104018237020104"],
])("oid %s is written as in the standards", (dotted, bytes) => {
  expect(oid(dotted).toHex()).toBe(bytes);
});

test.each([
  [0, "0400"],
  [127, "047f"],
  [128, "048180"],
  [256, "04820100"],
  [70_000, "0483011170"],
])("octetString of %d bytes has the shortest length form", (size, header) => {
  const element = octetString(new Uint8Array(size));
  expect(element.subarray(0, header.length / 2).toHex()).toBe(header);
  expect(element.length).toBe(header.length / 2 + size);
});

test("set sorts its members, sequence keeps their order", () => {
  const [one, two] = [integer(1), integer(2)];
  expect(set(two, one).toHex()).toBe("3106020101020102");
  expect(sequence(two, one).toHex()).toBe("3006020102020101");
});

test("explicit and bitString wrap what they are given", () => {
  expect(explicit(0, integer(5)).toHex()).toBe("a003020105");
  expect(bitString(hex("ff")).toHex()).toBe("030200ff");
  expect(raw(0x80).toHex()).toBe("8000");
});

test.each<[string, () => Uint8Array]>([
  ["der: integer 128 is not", () => integer(128)],
  ["der: integer -1 is not", () => integer(-1)],
  ["der: integer 1.5 is not", () => integer(1.5)],
  ["der: tag 31 is not", () => explicit(31, integer(1))],
  ["der: first arc 3 is not", () => oid("3.1")],
  ["der: second arc 40 is not", () => oid("1.40.1")],
  ["der: second arc NaN is not", () => oid("1")],
  ["der: arc NaN is not", () => oid("1.2.x")],
  ["der: arc 2147483648 is not", () => oid("1.2.2147483648")],
])("what does not fit is refused, not cut: %s", (reason, write) => {
  expect(write).toThrow(FormatError);
  expect(write).toThrow(reason);
});

test("readDer reads back what was written, and no more", () => {
  const inner = octetString(new Uint8Array(300));
  const outer = sequence(integer(3), inner);
  const element = readDer(Buffer.concat([outer, hex("ffff")]));
  expect(element.bytes).toEqual(outer);
  expect(element.children().map(({ tag }) => tag)).toEqual([0x02, 0x04]);
  expect(element.children()[1]?.bytes).toEqual(inner);
});

test.each(["", "30", "3005", "308201", "30850000000001", "3003020201"])(
  "readDer throws a FormatError on the damaged bytes %p",
  (bytes) => {
    expect(() => readDer(hex(bytes)).children()).toThrow(FormatError);
  },
);
