// Hashes of streams, against the standard's example.
import { expect, test } from "bun:test";
import { bytesSource, readAll } from "../base/format/byte-source.ts";
import { hashed, sha256Of } from "./sha256.ts";

// FIPS 180's first example.
const ABC = new TextEncoder().encode("abc");
const ABC_HASH = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("sha256Of hashes a source and reports its pieces", async () => {
  const seen: number[] = [];
  expect(await sha256Of(bytesSource(ABC), (length) => seen.push(length))).toBe(ABC_HASH);
  expect(seen).toEqual([3]);
});

test("hashed knows the hash once the content has been read", async () => {
  const source = hashed(bytesSource(ABC));
  expect(source.digest()).toBe("");
  expect(await readAll(source, "abc", 3)).toEqual(ABC);
  expect(source.digest()).toBe(ABC_HASH);
});
