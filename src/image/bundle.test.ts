// Bundles, sound, damaged and forged.
import { describe, expect, test } from "bun:test";
import { readAll } from "../base/format/byte-source.ts";
import { BUNDLE_FILES, openBundle, openBundleBytes } from "./bundle.ts";
import { ImageError } from "./image-error.ts";
import { formatManifest } from "./manifest.ts";
import type { ProgressStep } from "./progress.ts";
import { TEST_FILES, testBundle, testManifest } from "./test-bundle.ts";

const encoder = new TextEncoder();

async function refusal(changes: Readonly<Record<string, Uint8Array | undefined>>): Promise<string> {
  try {
    await using bundle = await openBundleBytes(await testBundle(changes), "bundle.zip");
    await bundle.verify();
  } catch (error) {
    if (error instanceof ImageError) return error.message;
    throw error;
  }
  return "accepted";
}

test("openBundle gives manifest and files", async () => {
  await using bundle = await openBundleBytes(await testBundle());
  expect(bundle.manifest).toEqual(testManifest());
  const kernel = await readAll(bundle.source(BUNDLE_FILES.kernel), "kernel", 100);
  expect(new TextDecoder().decode(kernel)).toBe("the node's kernel");
  expect(bundle.file(BUNDLE_FILES.kernel).size).toBe(kernel.length);
});

test("openBundle says which file cannot be opened", async () => {
  await expect(openBundle("/does/not/exist.zip")).rejects.toThrow(
    "open bundle /does/not/exist.zip",
  );
});

test("verify accepts a sound bundle and reports all of it", async () => {
  const steps: ProgressStep[] = [];
  await using bundle = await openBundleBytes(await testBundle());
  await bundle.verify((step) => steps.push(step));
  const total = Object.values(TEST_FILES).reduce((sum, { length }) => sum + length, 0);
  expect(steps.at(-1)).toEqual({ step: "Verifying bundle", done: total, total });
  expect(steps.length).toBeLessThanOrEqual(101);
});

test("verify of some files leaves the others alone", async () => {
  const bytes = await testBundle({ [BUNDLE_FILES.installer]: new Uint8Array(1_234_567) });
  await using bundle = await openBundleBytes(bytes, "bundle.zip");
  await bundle.verify(undefined, [BUNDLE_FILES.system, BUNDLE_FILES.kernel]);
  await expect(bundle.verify()).rejects.toThrow("installer.efi: sha256 is");
});

describe("a bundle is refused with", () => {
  test("a file of other content", async () => {
    const changed = TEST_FILES[BUNDLE_FILES.system]?.slice() ?? new Uint8Array();
    changed[1_000_000] = 1;
    const listed = testManifest().files[BUNDLE_FILES.system]?.sha256;
    const message = await refusal({ [BUNDLE_FILES.system]: changed });
    expect(message).toMatch(/^bundle.zip: system.img: sha256 is [0-9a-f]{64}, manifest says /);
    expect(message).toEndWith(`manifest says ${listed}: download the bundle again`);
  });

  test("bytes damaged after it was made", async () => {
    const bytes = await testBundle();
    bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 1;
    await using bundle = await openBundleBytes(bytes, "bundle.zip");
    await expect(bundle.verify()).rejects.toThrow(
      /system\.img: damaged \(.*\): download the bundle again$/,
    );
  });

  test.each<[string, Readonly<Record<string, Uint8Array | undefined>>, string]>([
    ["a file of another size", { "metropolis.efi": encoder.encode("short") }, "size is 5"],
    ["a file missing", { "metropolis.efi": undefined }, "metropolis.efi: missing"],
    ["a file too many", { "extra.img": encoder.encode("?") }, "extra.img: not in the manifest"],
    ["a file called like a method", { constructor: encoder.encode("?") }, "constructor: not in"],
    ["no manifest", { "manifest.json": undefined }, "manifest.json: not in the archive"],
    ["a manifest of another format", { "manifest.json": encoder.encode('{"format":2}') }, "not 1"],
    ["a huge manifest", { "manifest.json": new Uint8Array(2 ** 20 + 1) }, "more than the"],
  ])("%s", async (_, changes, reason) => {
    const message = await refusal(changes);
    expect(message).toStartWith("bundle.zip is not a sound bundle: ");
    expect(message).toContain(reason);
  });

  test("a manifest that lists too little", async () => {
    const { files, ...rest } = testManifest();
    const { [BUNDLE_FILES.loader]: _, ...fewer } = files;
    const text = formatManifest({ ...rest, files: fewer });
    expect(await refusal({ "manifest.json": encoder.encode(text) })).toContain(
      "systemd-boot.efi: not in the manifest",
    );
  });

  test("an end that is cut off", async () => {
    const bytes = (await testBundle()).subarray(0, 2_000_000);
    await expect(openBundleBytes(bytes, "bundle.zip")).rejects.toThrow("cut short");
  });
});
