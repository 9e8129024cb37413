// Files and memory as block devices, and the ends that nothing may pass.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deviceSource, fileDevice, memoryDevice, writeSource, writeZeros } from "./block-device.ts";
import { bytesSource, readAll } from "./byte-source.ts";
import { FormatError } from "./format.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "block-device-"));
});
afterAll(() => rm(folder, { recursive: true }));

const three = Uint8Array.of(1, 2, 3);

describe("fileDevice", () => {
  test("creates a sparse file of the size asked for", async () => {
    const path = join(folder, "new");
    await using device = await fileDevice(path, { mode: "create", size: 5 });
    await device.write(2, three);
    await device.sync();
    expect(await readFile(path)).toEqual(Buffer.of(0, 0, 1, 2, 3));
  });

  test("does not create over an old file", async () => {
    const path = join(folder, "old");
    await writeFile(path, "keep");
    await expect(fileDevice(path, { mode: "create", size: 1 })).rejects.toThrow("EEXIST");
    expect(await readFile(path, "utf8")).toBe("keep");
  });

  test("takes its size from the file unless told", async () => {
    const path = join(folder, "sized");
    await writeFile(path, "12345678");
    await using whole = await fileDevice(path);
    expect(whole.size).toBe(8);
    await using part = await fileDevice(path, { size: 4 });
    await expect(part.read(3, 2)).rejects.toThrow(FormatError);
  });

  test("says where a file is shorter than claimed", async () => {
    const path = join(folder, "short");
    await writeFile(path, "12");
    await using device = await fileDevice(path, { size: 100 });
    await expect(device.read(0, 10)).rejects.toThrow("ends before byte 10");
  });
});

describe("memoryDevice", () => {
  test.each([
    [-1, 1],
    [0, 9],
    [8, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, -1],
  ])("refuses to read at %p, %p bytes", async (offset, length) => {
    await expect(memoryDevice(8).read(offset, length)).rejects.toThrow(FormatError);
  });

  test("hands out copies, so that a reader cannot change it", async () => {
    const device = memoryDevice(3);
    (await device.read(0, 3)).fill(9);
    expect(await device.read(0, 3)).toEqual(new Uint8Array(3));
  });
});

test("writeSource writes at the offset and reports each chunk", async () => {
  const device = memoryDevice(8);
  const seen: number[] = [];
  await writeSource(device, 4, bytesSource(three), "three", (chunk) => seen.push(chunk.length));
  expect(await device.read(3, 4)).toEqual(Uint8Array.of(0, 1, 2, 3));
  expect(seen).toEqual([3]);
});

test("writeZeros clears exactly its range", async () => {
  const device = memoryDevice(5, new Uint8Array(5).fill(1));
  await writeZeros(device, 1, 3);
  expect(await device.read(0, 5)).toEqual(Uint8Array.of(1, 0, 0, 0, 1));
});

test("deviceSource streams a part in chunks", async () => {
  const device = memoryDevice(3_000_000);
  await device.write(2_999_997, three);
  const source = deviceSource(device, 1, 2_999_999);
  expect((await readAll(source, "part", 1e7)).subarray(-3)).toEqual(three);
  expect((await Array.fromAsync(source.stream())).length).toBe(3);
});
