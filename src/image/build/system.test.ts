// The system image with its verity tree, and what it is made from.
import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appendVerity, readVerity, treeInputs } from "./system.ts";
import { testSettings } from "./test-settings.ts";
import { readVersion } from "./version.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "system-"));
  await work(folder).finally(() => rm(folder, { recursive: true }));
}

test("appendVerity puts the tree behind the image and says how to check it", () =>
  inFolder(async (folder) => {
    const path = join(folder, "system.img");
    await writeFile(path, new Uint8Array(3 * 4096).fill(5));
    const verity = await appendVerity(folder, path);
    expect(verity.dataBlocks).toBe(3);
    expect(Bun.file(path).size).toBe(4 * 4096);
    expect(await readVerity(folder)).toEqual(verity);
  }));

test("treeInputs changes with names and contents", () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, "etc"));
    await writeFile(join(folder, "etc/hosts"), "one");
    const first = await treeInputs(folder);
    expect(first).toEqual([expect.stringMatching(/^\/etc\/hosts [0-9a-f]{64}$/)]);
    await writeFile(join(folder, "etc/hosts"), "two");
    expect(await treeInputs(folder)).not.toEqual(first);
  }));

test("readVersion is that of package.json", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "package.json"), '{"version": "4.5.6"}');
    expect(await readVersion(testSettings(folder, folder))).toBe("4.5.6");
    await writeFile(join(folder, "package.json"), "{}");
    await expect(readVersion(testSettings(folder, folder))).rejects.toThrow("has no version");
  }));
