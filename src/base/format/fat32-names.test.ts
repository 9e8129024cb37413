// Long names and the short ones made for them.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { assignNames, ENTRY_SIZE, entryCount, longNameEntries } from "./fat32-names.ts";
import { FormatError } from "./format.ts";

function shortNames(...names: string[]): string[] {
  return assignNames(names).map(({ short }) => new TextDecoder().decode(short));
}

test.each([
  ["BOOTX64.EFI", "BOOTX64 EFI"],
  ["EFI", "EFI        "],
  ["loader.conf", "LOADER~1CON"],
  ["metropolis-a+3.efi", "METROP~1EFI"],
  ["a.b.c", "AB~1    C  "],
  [".hidden", "HIDDEN~1   "],
  ["☂.txt", "_~1     TXT"],
])("assignNames shortens %p to %p", (long, short) => {
  expect(shortNames(long)).toEqual([short]);
});

test("assignNames stores no long name where the short one says it all", () => {
  expect(assignNames(["EFI", "Efi2"]).map((name) => name.isShortOnly)).toEqual([true, false]);
});

test("assignNames numbers names that look alike", () => {
  expect(shortNames("parameters-1.pb", "parameters-2.pb")).toEqual(["PARAME~1PB ", "PARAME~2PB "]);
});

test("assignNames gives different short names to any set of names", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-zA-Z0-9+. _-]{0,20}[a-z]$/), {
    selector: (name) => name.toUpperCase(),
    maxLength: 40,
  });
  fc.assert(fc.property(names, (list) => new Set(shortNames(...list)).size === list.length));
});

test("assignNames refuses two names that differ in case only", () => {
  expect(() => assignNames(["a", "A"])).toThrow("there twice");
});

test.each(["", ".", "..", "a/b", "a\\b", "a:b", "a\0", "end.", "end ", "x".repeat(256), "\ud800"])(
  "assignNames refuses %p",
  (name) => {
    expect(() => assignNames([name])).toThrow(FormatError);
  },
);

test("longNameEntries fills as many entries as entryCount says", () => {
  const lengths = fc.integer({ min: 1, max: 255 });
  fc.assert(
    fc.property(lengths, (length) => {
      const [name] = assignNames(["x".repeat(length)]);
      if (name === undefined) return false;
      return longNameEntries(name).length === (entryCount(name) - 1) * ENTRY_SIZE;
    }),
  );
});

test("longNameEntries puts the last part first and marks it", () => {
  const [name] = assignNames(["abcdefghijklmno"]);
  if (name === undefined) throw new Error("no name");
  const entries = longNameEntries(name);
  expect(entries[0]).toBe(0x42);
  expect(String.fromCharCode(entries[1] ?? 0, entries[3] ?? 0)).toBe("no");
  // A zero ends the name, then comes padding.
  expect(entries.slice(5, 9)).toEqual(Uint8Array.of(0, 0, 0xff, 0xff));
  expect(entries[ENTRY_SIZE]).toBe(1);
});
