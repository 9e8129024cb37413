// PE files grown by sections, and files that are none.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "./format.ts";
import { addSections, readPe, sectionBytes } from "./pe.ts";
import { HEADERS_BYTES, tinyPe } from "./test-pe.ts";

const text = (content: string) => new TextEncoder().encode(content);
const stub = tinyPe(text("code"));

test("readPe finds headers and sections", () => {
  const { headersSize, sections } = readPe(stub);
  expect(headersSize).toBe(HEADERS_BYTES);
  expect(sections).toEqual([
    { name: ".text", virtualSize: 4, virtualAddress: 4096, rawSize: 512, rawOffset: HEADERS_BYTES },
  ]);
});

test("addSections puts content behind the file, each part aligned", () => {
  const linux = new Uint8Array(5000).fill(7);
  const image = addSections(stub, [
    { name: ".cmdline", bytes: text("quiet\0") },
    { name: ".linux", bytes: linux, isCode: true },
  ]);
  expect(sectionBytes(image, ".cmdline")).toEqual(text("quiet\0"));
  expect(sectionBytes(image, ".linux")).toEqual(linux);
  expect(sectionBytes(image, ".text")).toEqual(text("code"));
  const [, cmdline, kernel] = readPe(image).sections;
  expect(cmdline).toMatchObject({ virtualAddress: 8192, rawOffset: stub.length, rawSize: 512 });
  expect(kernel).toMatchObject({ virtualAddress: 12_288, rawOffset: stub.length + 512 });
  expect(image.length).toBe(stub.length + 512 + 5120);
});

test("addSections says how much memory the image needs, and drops the checksum", () => {
  const image = addSections(stub, [{ name: ".a", bytes: new Uint8Array(4097) }]);
  const { optionalHeader, checksum } = readPe(image);
  const view = new DataView(image.buffer);
  expect(view.getUint32(optionalHeader + 56, true)).toBe(8192 + 8192);
  expect(view.getUint32(checksum, true)).toBe(0);
});

test("addSections leaves the original alone", () => {
  const before = Uint8Array.from(stub);
  addSections(stub, [{ name: ".a", bytes: text("x") }]);
  expect(stub).toEqual(before);
});

test("addSections refuses names and numbers of sections that do not fit", () => {
  expect(() => addSections(stub, [{ name: ".toolongname", bytes: text("x") }])).toThrow(
    FormatError,
  );
  const many = Array.from({ length: 20 }, (_, index) => ({ name: `.${index}`, bytes: text("x") }));
  expect(() => addSections(stub, many)).toThrow("no room");
});

test("sectionBytes of a section that is not there is undefined", () => {
  expect(sectionBytes(stub, ".initrd")).toBeUndefined();
});

test("readPe answers arbitrary bytes with a FormatError or a layout", () => {
  fc.assert(
    fc.property(fc.nat(stub.length - 1), fc.nat(255), fc.nat(stub.length), (at, value, length) => {
      const bytes = Uint8Array.from(stub).subarray(0, length);
      if (at < length) bytes[at] = value;
      try {
        readPe(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
  );
});
