// The Debian stages from end to end: a small archive, the real apt, the stages that use it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Apt } from "./debian.ts";
import { runGraph } from "./graph.ts";
import { formatLock, makeLock, readNames } from "./lock.ts";
import { hostStage, packagesStage } from "./packages.ts";
import { type BuildSettings, lockedPackages } from "./settings.ts";
import { testArchive } from "./test-archive.ts";
import { testSettings } from "./test-settings.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "packages-"));
  await mkdir(join(folder, "checkout/initramfs/packages"), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tool = (version: string) => ({
  name: "tool",
  version,
  files: { "usr/bin/tool": `version ${version}`, "usr/share/doc/tool": "nobody reads this" },
});
const firmware = { name: "firmware", version: "1", files: { "usr/share/firmware": "code" } };

function apt(source: string): Apt {
  return new Apt(join(folder, "cache"), async () => source);
}

/** A checkout whose lists name the packages above, locked as the archive has them. */
async function lockedCheckout(source: string): Promise<void> {
  const initramfs = join(folder, "checkout/initramfs");
  const lists = { node: "tool\n", host: "firmware\n", kernel: "" };
  for (const [set, text] of Object.entries(lists)) {
    await writeFile(join(initramfs, "packages", `${set}.txt`), text);
  }
  await writeFile(join(initramfs, "files.txt"), "usr/bin/tool\n");
  const lock = await makeLock(apt(source), await readNames(initramfs));
  await writeFile(join(initramfs, "packages.lock.json"), formatLock(lock));
}

function settings(source: string, isStrict = true, warnings: string[] = []): BuildSettings {
  const base = testSettings(folder);
  const ours = apt(source);
  const policy = { isStrict, warn: (text: string) => void warnings.push(text) };
  return { ...base, apt: ours, packages: lockedPackages(base.checkout, ours, policy) };
}

async function build(of: BuildSettings): Promise<(stage: string) => string> {
  const stages = [packagesStage(of), hostStage(of)];
  const results = await runGraph(stages, ["packages", "host"], { cache: of.cache });
  return (stage) => join(results.get(stage)?.folder ?? "", "root");
}

test("packagesStage takes the listed files, hostStage everything", async () => {
  const source = await testArchive(join(folder, "archive"), [tool("1.0"), firmware]);
  await lockedCheckout(source);
  const root = await build(settings(source));
  expect(await readFile(join(root("packages"), "usr/bin/tool"), "utf8")).toBe("version 1.0");
  expect(existsSync(join(root("packages"), "usr/share"))).toBe(false);
  expect((await stat(join(root("packages"), "usr/bin/tool"))).mode & 0o777).toBe(0o644);
  expect(await readFile(join(root("host"), "usr/share/firmware"), "utf8")).toBe("code");
});

test("packagesStage keeps to a version that the archive has replaced, once it is fetched", async () => {
  const source = await testArchive(join(folder, "archive"), [tool("1.0"), firmware]);
  await lockedCheckout(source);
  const before = await build(settings(source));
  await testArchive(join(folder, "archive"), [tool("1.1"), firmware]);
  expect((await build(settings(source)))("packages")).toBe(before("packages"));
});

test("packagesStage takes the newest of what has vanished, and says so", async () => {
  const source = await testArchive(join(folder, "archive"), [tool("1.0"), firmware]);
  await lockedCheckout(source);
  await testArchive(join(folder, "archive"), [tool("1.1"), firmware]);
  await expect(build(settings(source))).rejects.toThrow("are gone: tool 1.0");
  const warnings: string[] = [];
  const root = await build(settings(source, false, warnings));
  expect(await readFile(join(root("packages"), "usr/bin/tool"), "utf8")).toBe("version 1.1");
  expect(warnings).toHaveLength(1);
});

test("Apt refuses a package whose hash is not that of the lock", async () => {
  const source = await testArchive(join(folder, "archive"), [tool("1.0")]);
  const wrong = { name: "tool", version: "1.0", sha256: "0".repeat(64) };
  await expect(apt(source).fetch([wrong])).rejects.toThrow("not the hash of the lock");
});

test("Apt says which package there is none of", async () => {
  const source = await testArchive(join(folder, "archive"), [tool("1.0")]);
  await expect(apt(source).newest(["tool", "toool"])).rejects.toThrow('no package "toool"');
});
