// Sources that keep their word about their size, and some that do not.
import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteSource, bytesSource, exactly, fileSource, readAll } from "./byte-source.ts";
import { FormatError } from "./format.ts";

const three = Uint8Array.of(1, 2, 3);

function announcing(size: number): ByteSource {
  return { ...bytesSource(three), size };
}

test("bytesSource can be streamed twice", async () => {
  const source = bytesSource(three);
  expect(await readAll(source, "x", 10)).toEqual(three);
  expect(await readAll(source, "x", 10)).toEqual(three);
});

test("bytesSource of nothing gives no chunk", async () => {
  expect(await Array.fromAsync(bytesSource(new Uint8Array()).stream())).toEqual([]);
});

test("fileSource streams a file larger than one chunk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "byte-source-"));
  try {
    const content = new Uint8Array(2_500_000).fill(7);
    await writeFile(join(folder, "file"), content);
    const source = await fileSource(join(folder, "file"));
    expect(source.size).toBe(content.length);
    expect(await readAll(source, "file", 1e7)).toEqual(content);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("exactly refuses a source that gives less than announced", async () => {
  const all = Array.fromAsync(exactly(announcing(4), "x"));
  await expect(all).rejects.toThrow("x: gave only 3 of the 4 bytes announced");
});

test("exactly refuses a source that gives more, before handing it on", async () => {
  const seen: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of exactly(announcing(2), "x")) seen.push(chunk);
  })();
  await expect(reading).rejects.toThrow(FormatError);
  expect(seen).toEqual([]);
});

test("readAll refuses a source over its limit", async () => {
  await expect(readAll(bytesSource(three), "x", 2)).rejects.toThrow("more than the 2 allowed");
});
