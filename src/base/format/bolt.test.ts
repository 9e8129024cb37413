// Tests of reading how full a database of bbolt is.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boltBytes } from "./bolt.ts";
import { FormatError } from "./format.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bolt-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file with two meta pages, as bbolt writes them in turn. */
function database(...metas: readonly { pages: number; transaction: number }[]): string {
  const bytes = Buffer.alloc(3 * 4_096);
  for (const [at, { pages, transaction }] of metas.entries()) {
    const page = bytes.subarray(at * 4_096);
    page.writeUInt32LE(0xed0cdaed, 16);
    page.writeUInt32LE(2, 20);
    page.writeUInt32LE(4_096, 24);
    page.writeBigUInt64LE(BigInt(pages), 56);
    page.writeBigUInt64LE(BigInt(transaction), 64);
  }
  const path = join(folder, "db");
  writeFileSync(path, bytes);
  return path;
}

test("boltBytes goes by the newer of the two meta pages", () => {
  const [older, newer] = [
    { pages: 10, transaction: 6 },
    { pages: 12, transaction: 7 },
  ];
  expect(boltBytes(database(older, newer))).toBe(12 * 4_096);
  expect(boltBytes(database(newer, older))).toBe(12 * 4_096);
  expect(boltBytes(database(newer))).toBe(12 * 4_096);
});

test("boltBytes refuses what is no database, or cut off", () => {
  const path = join(folder, "other");
  for (const bytes of [new Uint8Array(), new Uint8Array(20), new Uint8Array(9_000).fill(7)]) {
    writeFileSync(path, bytes);
    expect(() => boltBytes(path)).toThrow(FormatError);
  }
});
