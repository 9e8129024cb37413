// Our archives against the program `tar`, and against whoever changes them.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { run } from "../process/process.ts";
import { FormatError } from "./format.ts";
import { TAR_END, TarReader, tarFile } from "./tar.ts";

const folder = mkdtempSync(join(tmpdir(), "tar-"));
afterAll(() => rmSync(folder, { recursive: true }));

const files: readonly (readonly [string, Uint8Array])[] = [
  ["empty", new Uint8Array()],
  ["one-block.bin", new Uint8Array(512).fill(1)],
  ["more.bin", new Uint8Array(1300).fill(2)],
];

async function* archive(): AsyncGenerator<Uint8Array> {
  for (const [name, bytes] of files) yield* tarFile(name, bytes.length, [bytes]);
  yield TAR_END;
}

const whole = Buffer.concat(await Array.fromAsync(archive()));

async function* pieces(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All that a reader finds. */
async function read(source: AsyncIterable<Uint8Array>) {
  const reader = new TarReader(source);
  const found: (readonly [string, Uint8Array])[] = [];
  for (const [name] of files) {
    const bytes = await reader.next(name);
    const content = Buffer.concat(await Array.fromAsync(reader.content(bytes)));
    await reader.skipFill(bytes);
    found.push([name, new Uint8Array(content)]);
  }
  await reader.end();
  return found;
}

test("tar unpacks what tarFile wrote", async () => {
  const path = join(folder, "ours.tar");
  writeFileSync(path, whole);
  await run(["tar", "-xf", path, "-C", folder]);
  for (const [name, bytes] of files) {
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  }
});

test.each([1, 7, 512, 1000, 100_000])("TarReader reads parts of %d bytes", async (size) => {
  expect(await read(pieces(whole, size))).toEqual([...files]);
});

test("TarReader refuses an archive that was changed anywhere but in its files", async () => {
  const flips = fc.tuple(fc.nat(whole.length - 1), fc.nat(7));
  await fc.assert(
    fc.asyncProperty(flips, async ([index, bit]) => {
      const changed = Buffer.from(whole);
      changed[index] = (changed[index] ?? 0) ^ (1 << bit);
      const outcome = await read(pieces(changed)).catch((error: unknown) => error);
      if (outcome instanceof FormatError) return;
      const contents = files.map(([, bytes]) => Buffer.from(bytes));
      expect(contents.some((bytes) => bytes.length > 0 && !changed.includes(bytes))).toBe(true);
    }),
  );
});

test("TarReader refuses what is cut off, goes on, or is out of order", async () => {
  for (const end of [0, 511, 512, 1024, 2000, whole.length - 1]) {
    await expect(read(pieces(whole.subarray(0, end)))).rejects.toThrow("the end is missing");
  }
  const longer = Buffer.concat([whole, Buffer.of(0)]);
  await expect(read(pieces(longer, 512))).rejects.toThrow("something follows the end");
  await expect(new TarReader(pieces(whole)).next("more.bin")).rejects.toThrow("is not more.bin");
});

test("TarReader refuses a file that is longer than it may be, and closes its source", async () => {
  let isClosed = false;
  async function* source() {
    try {
      yield whole.subarray(512);
    } finally {
      isClosed = true;
    }
  }
  const reader = new TarReader(source());
  await expect(reader.next("one-block.bin", 511)).rejects.toThrow("has 512 bytes, at most 511");
  await reader.close();
  expect(isClosed).toBe(true);
});

test.each([
  [3, "only 2 of its 3"],
  [1, "more than its 1"],
])("tarFile refuses two bytes where %d were said", async (said, reason) => {
  const failure = Array.fromAsync(tarFile("file", said, [new Uint8Array(2)]));
  await expect(failure).rejects.toThrow(reason);
});

test.each([
  ["../up", 1],
  ["", 1],
  ["a".repeat(100), 1],
  ["file", 8 ** 11],
  ["file", -1],
])("tarFile cannot hold %p of %d bytes", async (name, bytes) => {
  await expect(Array.fromAsync(tarFile(name, bytes, []))).rejects.toThrow("tar: cannot hold");
});
