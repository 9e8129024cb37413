// Writing to what exists, and noticing when it does not read back.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageError } from "./image-error.ts";
import { readBack, writeTarget } from "./target.ts";
import { recordWrites } from "./verify.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "target-"));
});
afterAll(() => rm(folder, { recursive: true }));

const three = Uint8Array.of(1, 2, 3);

async function writeThree(path: string) {
  return writeTarget(path, 10, async (device) => {
    const recording = recordWrites(device);
    await recording.write(4, three);
    return { regions: recording.regions() };
  });
}

test("writeTarget writes into what is there", async () => {
  const path = join(folder, "disk");
  await writeFile(path, new Uint8Array(10).fill(9));
  await writeThree(path);
  expect(await readFile(path)).toEqual(Buffer.of(9, 9, 9, 9, 1, 2, 3, 9, 9, 9));
});

test("writeTarget does not make a file where there should be a disk", async () => {
  const path = join(folder, "missing");
  await expect(writeThree(path)).rejects.toBeInstanceOf(ImageError);
  await expect(writeThree(path)).rejects.toThrow(`open ${path} for writing`);
});

test("readBack accepts what was written and notices what changed since", async () => {
  const path = join(folder, "changed");
  await writeFile(path, new Uint8Array(10));
  const written = await writeThree(path);
  await readBack(path, 10, written, () => {});
  await writeFile(path, new Uint8Array(10));
  await expect(readBack(path, 10, written, () => {})).rejects.toThrow("do not read back");
});
