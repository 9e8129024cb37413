// The stages on top of the graph, from end to end: what firmware boots, what it trusts, and the
// bundle. Third-party stages are stand-ins of a few bytes; signing and packing are real.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peDigest } from "../../base/format/authenticode.ts";
import { sectionBytes } from "../../base/format/pe.ts";
import { findSignedPolicy, parseSignedPolicies, pcrPolicy, policyKey } from "../../base/tpm/tpm.ts";
import { openBundle } from "../bundle.ts";
import { EPOCH, epochReference } from "../epoch.ts";
import { predictPcrs } from "../measured-boot.ts";
import { bundleStage } from "./bundle.ts";
import { runGraph, type StageResult } from "./graph.ts";
import { firmwareStage, keysStage } from "./keys.ts";
import { testSettings } from "./test-settings.ts";
import { filesStage, testStages, tinyKernel } from "./test-stages.ts";
import { bootLoaderStage, installerStage, ukiStage } from "./uki.ts";

let folder = "";
let results: ReadonlyMap<string, StageResult>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "images-"));
  await mkdir(join(folder, "checkout"));
  await writeFile(join(folder, "checkout/package.json"), '{"version": "1.2.3"}');
  results = await build("cache");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function allStages() {
  const settings = testSettings(folder);
  return [
    ...testStages(),
    keysStage(settings),
    firmwareStage(settings),
    bootLoaderStage(settings),
    ukiStage(settings),
    installerStage(settings),
    bundleStage(settings),
  ];
}

function build(cache: string): Promise<ReadonlyMap<string, StageResult>> {
  return runGraph(allStages(), ["bundle", "firmware"], { cache: join(folder, cache) });
}

function output(stage: string, from = results): Promise<Buffer> {
  const result = from.get(stage);
  return readFile(join(result?.folder ?? "", result?.stage.output ?? ""));
}

function text(image: Uint8Array, section: string): string {
  return new TextDecoder().decode(sectionBytes(image, section));
}

/** Where the signature of a PE file begins, and so what is signed ends. */
async function isSigned(image: Uint8Array): Promise<boolean> {
  const certificate = new X509Certificate(await readFile(join(folder, "keys/db.crt")));
  const bytes = Buffer.from(image);
  return bytes.includes(certificate.raw) && bytes.includes(Buffer.from(peDigest(image)));
}

test("ukiStage makes a signed image of stub, kernel and command line", async () => {
  const image = await output("uki");
  expect(await isSigned(image)).toBe(true);
  expect(text(image, ".text")).toBe("stub");
  expect(sectionBytes(image, ".linux")).toEqual(Buffer.from(tinyKernel("6.12.1-test")));
  expect(text(image, ".cmdline")).toContain("PARTUUID=abababab-abab-abab-abab-abababababab");
  expect(text(image, ".cmdline")).toEndWith("\0");
  expect(text(image, ".uname")).toBe("6.12.1-test\0");
  expect(text(image, ".osrel")).toContain("VERSION_ID=1.2.3");
});

test("ukiStage gives a node no initramfs, installerStage one with the executable", async () => {
  expect(sectionBytes(await output("uki"), ".initrd")).toBeUndefined();
  const initramfs = sectionBytes(await output("installer"), ".initrd") ?? new Uint8Array();
  const archive = new TextDecoder("latin1").decode(await Bun.zstdDecompress(initramfs));
  expect(archive).toContain("the executable");
});

test("ukiStage signs what a TPM measures of the image; the installer gets no such signature", async () => {
  const image = await output("uki");
  const pem = createPublicKey(await readFile(join(folder, "keys/policy.key")));
  const key = policyKey(pem.export({ format: "pem", type: "spki" }).toString());
  const policies = parseSignedPolicies(text(image, ".pcrsig"));
  const signed = findSignedPolicy(policies, key, epochReference(EPOCH));
  expect(signed?.policy).toEqual(pcrPolicy(predictPcrs(image)));
  expect(sectionBytes(await output("installer"), ".pcrsig")).toBeUndefined();
});

test("installerStage names no root: its initramfs is what runs", async () => {
  const commandLine = text(await output("installer"), ".cmdline");
  expect(commandLine).not.toContain("root=");
  expect(commandLine).toContain("console=ttyS0,115200");
});

test("ukiStage refuses an image beyond the budget of the node's boot", async () => {
  const stages = allStages().map((stage) =>
    stage.name === "kernel" ? filesStage("kernel", { bzImage: new Uint8Array(15_000_000) }) : stage,
  );
  const large = runGraph(stages, ["uki"], { cache: join(folder, "large") });
  await expect(large).rejects.toThrow("more than 14000000");
});

test("bootLoaderStage signs systemd-boot and changes nothing else", async () => {
  const image = await output("systemd-boot");
  expect(await isSigned(image)).toBe(true);
  expect(text(image, ".text")).toBe("boot");
});

test("firmwareStage enrolls the three certificates and turns Secure Boot on", async () => {
  const flash = await output("firmware");
  for (const name of ["PK", "KEK", "db"]) {
    const certificate = new X509Certificate(await readFile(join(folder, `keys/${name}.crt`)));
    expect(flash.includes(certificate.raw)).toBe(true);
    expect(flash.includes(Buffer.from(`${name}\0`, "utf16le"))).toBe(true);
  }
  expect(flash.includes(Buffer.from("SecureBootEnable\0", "utf16le"))).toBe(true);
});

test("bundleStage packs what the manifest says, and it verifies", async () => {
  const bundle = results.get("bundle");
  await using opened = await openBundle(join(bundle?.folder ?? "", "bundle.zip"));
  await opened.verify();
  expect(opened.manifest.version).toBe("1.2.3");
  expect(opened.manifest.verity.dataBlocks).toBe(25);
  expect(Object.keys(opened.manifest.files).toSorted()).toEqual([
    "installer.efi",
    "metropolis.efi",
    "system.img",
    "systemd-boot.efi",
  ]);
});

test("all images have the same bytes when made again in another cache", async () => {
  const again = await build("second cache");
  for (const stage of ["uki", "installer", "systemd-boot", "firmware", "bundle"]) {
    expect(await output(stage, again)).toEqual(await output(stage));
  }
});
