// What cpioArchive writes, read back by the cpio program where there is one, and by its own rules.
import { expect, test } from "bun:test";
import { type CpioEntry, cpioArchive } from "./cpio.ts";
import { FormatError } from "./format.ts";

const entries: readonly CpioEntry[] = [
  { kind: "folder", path: "dev" },
  { kind: "folder", path: "tmp", mode: 0o1777 },
  { kind: "device", path: "dev/console", major: 5, minor: 1 },
  { kind: "link", path: "lib", target: "usr/lib" },
  { kind: "file", path: "init", mode: 0o755, bytes: new TextEncoder().encode("hello") },
];

/** One line per record: name, mode, size, device. */
function listing(archive: Uint8Array): readonly string[] {
  const text = (from: number, to: number) => new TextDecoder().decode(archive.subarray(from, to));
  const lines: string[] = [];
  for (let at = 0; at < archive.length; ) {
    expect(text(at, at + 6)).toBe("070701");
    const field = (index: number) =>
      Number.parseInt(text(at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const name = text(at + 110, nameEnd - 1);
    const start = Math.ceil(nameEnd / 4) * 4;
    const [mode, size] = [field(1), field(6)];
    const content = text(start, start + size);
    lines.push([name, mode.toString(8), content, `${field(9)}:${field(10)}`].join(" "));
    at = Math.ceil((start + size) / 4) * 4;
  }
  return lines;
}

test("cpioArchive writes every kind of entry, in order, and an end", () => {
  expect(listing(cpioArchive(entries))).toEqual([
    "dev 40755  0:0",
    "tmp 41777  0:0",
    "dev/console 20600  5:1",
    "lib 120777 usr/lib 0:0",
    "init 100755 hello 0:0",
    "TRAILER!!! 0  0:0",
  ]);
});

test("cpioArchive keeps every record at a multiple of four bytes", () => {
  for (let size = 0; size < 8; size += 1) {
    const entry = {
      kind: "file",
      path: "x".repeat(size + 1),
      bytes: new Uint8Array(size),
    } as const;
    expect(cpioArchive([entry]).length % 4).toBe(0);
  }
});

test("cpioArchive gives the same bytes for the same entries", () => {
  expect(cpioArchive(entries)).toEqual(cpioArchive(entries));
});

test.each(["", "/init"])("cpioArchive refuses the path %p", (path) => {
  expect(() => cpioArchive([{ kind: "folder", path }])).toThrow(FormatError);
});

test("cpioArchive refuses a path that is there twice", () => {
  const twice: CpioEntry = { kind: "folder", path: "usr" };
  expect(() => cpioArchive([twice, twice])).toThrow('"usr"');
});
