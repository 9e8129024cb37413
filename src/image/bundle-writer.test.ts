// Bundles made from real files, and read back.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBundle } from "./bundle.ts";
import { type BundleInput, writeBundle } from "./bundle-writer.ts";
import { TEST_FILES, testManifest } from "./test-bundle.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bundle-writer-"));
  for (const [name, bytes] of Object.entries(TEST_FILES))
    await writeFile(join(folder, name), bytes);
});
afterAll(() => rm(folder, { recursive: true }));

function input(names: readonly string[] = Object.keys(TEST_FILES)): BundleInput {
  const { version, arch, verity } = testManifest();
  const files = Object.fromEntries(names.map((name) => [name, join(folder, name)]));
  return { version, arch, verity, files };
}

test("writeBundle makes a bundle that verifies", async () => {
  const path = join(folder, "bundle.zip");
  expect(await writeBundle(path, input())).toEqual(testManifest());
  await using bundle = await openBundle(path);
  expect(bundle.manifest).toEqual(testManifest());
  await bundle.verify();
});

test("writeBundle gives the same bytes whatever the order of files", async () => {
  const [one, two] = [join(folder, "one.zip"), join(folder, "two.zip")];
  await writeBundle(one, input());
  await writeBundle(two, input(Object.keys(TEST_FILES).reverse()));
  expect((await readFile(one)).equals(await readFile(two))).toBeTrue();
});

test("writeBundle leaves the old bundle when a file is missing", async () => {
  const path = join(folder, "kept.zip");
  await writeFile(path, "old");
  await expect(writeBundle(path, input(["missing.efi"]))).rejects.toThrow("ENOENT");
  expect(await readFile(path, "utf8")).toBe("old");
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});
