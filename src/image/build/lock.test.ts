// The lock of packages: its form, and who wins when the archive has moved on.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LockedPackage, PackageArchive } from "./debian.ts";
import {
  effectivePackages,
  formatLock,
  makeLock,
  parseLock,
  parseNames,
  readLock,
} from "./lock.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const locked = (name: string, version = "1"): LockedPackage => ({
  name,
  version,
  sha256: `${name}-${version}`,
});

/** An archive that has these packages; fetched ones would lie in the test's folder. */
function archive(...packages: readonly LockedPackage[]): PackageArchive {
  return {
    path: ({ sha256 }) => join(folder, sha256),
    newest: async (names) =>
      names.map((name) => packages.find((one) => one.name === name) ?? locked(name, "?")),
    available: async (wanted) =>
      new Set(wanted.filter(({ sha256 }) => packages.some((one) => one.sha256 === sha256))),
  };
}

const lock = {
  suite: "trixie",
  sets: {
    node: [locked("chrony"), locked("xfsprogs")],
    host: [locked("ovmf")],
    kernel: [locked("linux")],
  },
};

test("parseLock reads what formatLock writes", () => {
  expect(parseLock(formatLock(lock))).toEqual(lock);
  expect(
    formatLock(lock)
      .split("\n")
      .filter((line) => line.includes("sha256")),
  ).toHaveLength(4);
});

test.each([
  ["{}", "want suite and sets"],
  ['{"suite":"sid","sets":{}}', "is not for trixie"],
  ['{"suite":"trixie","sets":{"node":[{"name":"x"}],"host":[],"kernel":[]}}', 'set "node"'],
  ['{"suite":"trixie","sets":{"node":[],"host":[]}}', 'set "kernel"'],
])("parseLock refuses %s", (text, message) => {
  expect(() => parseLock(text)).toThrow(message);
});

test("parseNames leaves out comments and empty lines", () => {
  expect(parseNames("# programs\nchrony\n\nxfsprogs # for /data\n")).toEqual([
    "chrony",
    "xfsprogs",
  ]);
});

test("makeLock takes the newest of every name", async () => {
  const newest = archive(locked("chrony", "2"), locked("ovmf", "3"), locked("linux", "4"));
  const made = await makeLock(newest, { node: ["chrony"], host: ["ovmf"], kernel: ["linux"] });
  expect(made.sets.node).toEqual([locked("chrony", "2")]);
  expect(made.sets.kernel).toEqual([locked("linux", "4")]);
});

test("effectivePackages keeps to the lock while the archive has it", async () => {
  const warnings: string[] = [];
  const policy = { isStrict: true, warn: (text: string) => void warnings.push(text) };
  expect(await effectivePackages(lock.sets.node, archive(...lock.sets.node), policy)).toBe(
    lock.sets.node,
  );
  expect(warnings).toEqual([]);
});

test("effectivePackages does not ask for what has been fetched", async () => {
  for (const { sha256 } of lock.sets.node) await writeFile(join(folder, sha256), "");
  const policy = { isStrict: true, warn: () => {} };
  expect(await effectivePackages(lock.sets.node, archive(), policy)).toBe(lock.sets.node);
});

test("effectivePackages warns and takes the newest when a version has vanished", async () => {
  const warnings: string[] = [];
  const policy = { isStrict: false, warn: (text: string) => void warnings.push(text) };
  const moved = archive(locked("chrony", "2"), locked("xfsprogs"));
  expect(await effectivePackages(lock.sets.node, moved, policy)).toEqual([
    locked("chrony", "2"),
    locked("xfsprogs"),
  ]);
  expect(warnings).toEqual(["Locked Debian packages are gone, taking the newest: chrony 1"]);
});

test("effectivePackages fails with --locked when a version has vanished", async () => {
  const result = effectivePackages(lock.sets.node, archive(), { isStrict: true, warn: () => {} });
  await expect(result).rejects.toThrow("are gone: chrony 1, xfsprogs 1");
});

test("readLock refuses lists that the lock does not match", async () => {
  await mkdir(join(folder, "packages"));
  await writeFile(join(folder, "packages.lock.json"), formatLock(lock));
  await writeFile(join(folder, "packages/node.txt"), "chrony\nxfsprogs\n");
  await writeFile(join(folder, "packages/host.txt"), "ovmf\n");
  await writeFile(join(folder, "packages/kernel.txt"), "linux\n");
  expect(await readLock(folder)).toEqual(lock);
  await writeFile(join(folder, "packages/host.txt"), "ovmf\nsbsigntool\n");
  await expect(readLock(folder)).rejects.toThrow("packages/host.txt and the lock differ");
});
