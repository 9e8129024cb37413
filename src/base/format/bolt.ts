// bbolt, the format of etcd's database file: how much of the file is in use at most. The file
// itself is longer, as it grows in steps.
//
//   page 0, page 1: meta, of which the one with the higher transaction counts
//     16 magic, version, page size, flags   32 root bucket   48 free list   56 pages   64 transaction
import { closeSync, openSync, readSync } from "node:fs";
import { FormatError } from "./format.ts";

const MAGIC = 0xed0cdaed;
const META_BYTES = 80;

/** Bytes up to the last page that was ever used. Throws FormatError for what is no such file. */
export function boltBytes(path: string): number {
  const file = openSync(path, "r");
  try {
    const first = meta(file, 0);
    const pageBytes = (first ?? meta(file, 4_096))?.pageBytes;
    if (pageBytes === undefined) throw new FormatError(`${path} is no database of bbolt`);
    const second = meta(file, pageBytes);
    const all = [first, second].filter((each) => each !== undefined);
    const newest = all.toSorted((a, b) => (a.transaction < b.transaction ? 1 : -1))[0];
    return pageBytes * Number(newest?.pages ?? 0n);
  } finally {
    closeSync(file);
  }
}

function meta(file: number, at: number) {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, at) < META_BYTES) return undefined;
  if (bytes.readUInt32LE(16) !== MAGIC) return undefined;
  return {
    pageBytes: bytes.readUInt32LE(24),
    pages: bytes.readBigUInt64LE(56),
    transaction: bytes.readBigUInt64LE(64),
  };
}
