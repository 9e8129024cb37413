// The lock file of Debian packages: which version of each, by hash.
//
// A release's archive keeps only the newest version of a package, so a locked one can vanish on any
// day. The build then goes on with the newest and says so, or stops where `--locked` asks for it.
// What was used instead becomes part of the keys of the stages: same inputs, same bytes still holds.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type LockedPackage, type PackageArchive, SUITE } from "./debian.ts";
import { BuildError } from "./stage.ts";

/** The lists of package names in `initramfs/packages/`, by file name. */
export const PACKAGE_SETS = ["node", "host", "kernel"] as const;
/** One of the lists. */
export type PackageSet = (typeof PACKAGE_SETS)[number];

/** All locked packages, by list. */
export interface Lock {
  readonly suite: string;
  readonly sets: Readonly<Record<PackageSet, readonly LockedPackage[]>>;
}

/** The names in a list: one a line, `#` begins a comment. */
export function parseNames(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

function isPackage(value: unknown): value is LockedPackage {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, sha256 } = value as Partial<Record<keyof LockedPackage, unknown>>;
  return [name, version, sha256].every((field) => typeof field === "string");
}

/** Reads the text of a lock file; throws a {@link BuildError} on anything but one. */
export function parseLock(text: string): Lock {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || !("suite" in value) || !("sets" in value)) {
    throw new BuildError("lock of Debian packages: want suite and sets");
  }
  if (value.suite !== SUITE) throw new BuildError(`lock of Debian packages: is not for ${SUITE}`);
  const sets = new Map(Object.entries(value.sets ?? {}));
  const read = (set: PackageSet): readonly LockedPackage[] => {
    const packages: unknown = sets.get(set);
    if (Array.isArray(packages) && packages.every(isPackage)) return packages;
    throw new BuildError(`lock of Debian packages: set "${set}" is missing or damaged`);
  };
  return { suite: SUITE, sets: { node: read("node"), host: read("host"), kernel: read("kernel") } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BuildError("lock of Debian packages: is not JSON: run bun build.ts lock", { cause });
  }
}

/** The text of a lock file: one package a line, so that changes read well as a diff. */
export function formatLock({ suite, sets }: Lock): string {
  const lines = PACKAGE_SETS.map((set) => {
    const packages = sets[set].map(({ name, version, sha256 }) =>
      JSON.stringify({ name, version, sha256 }),
    );
    return `    "${set}": [\n      ${packages.join(",\n      ")}\n    ]`;
  });
  return `{\n  "suite": "${suite}",\n  "sets": {\n${lines.join(",\n")}\n  }\n}\n`;
}

/** Locks the newest version of every named package. */
export async function makeLock(
  apt: PackageArchive,
  names: Readonly<Record<PackageSet, readonly string[]>>,
): Promise<Lock> {
  const [node, host, kernel] = await Promise.all([
    apt.newest(names.node),
    apt.newest(names.host),
    apt.newest(names.kernel),
  ]);
  return { suite: SUITE, sets: { node, host, kernel } };
}

/** What to do about locked versions that are gone. */
export interface LockPolicy {
  /** Fail instead of taking the newest. */
  readonly isStrict: boolean;
  warn(text: string): void;
}

/**
 * The packages to use for a set: the locked ones, or the newest where those have vanished.
 *
 * Asks the archive only about packages that the cache does not hold, so a warm build needs no
 * network.
 */
export async function effectivePackages(
  locked: readonly LockedPackage[],
  apt: PackageArchive,
  policy: LockPolicy,
): Promise<readonly LockedPackage[]> {
  const unfetched = locked.filter((one) => !existsSync(apt.path(one)));
  if (unfetched.length === 0) return locked;
  const available = await apt.available(unfetched);
  const gone = unfetched.filter((one) => !available.has(one));
  if (gone.length === 0) return locked;
  const list = gone.map(({ name, version }) => `${name} ${version}`).join(", ");
  if (policy.isStrict) throw new BuildError(`locked Debian packages are gone: ${list}`);
  policy.warn(`Locked Debian packages are gone, taking the newest: ${list}`);
  const newest = await apt.newest(gone.map(({ name }) => name));
  return locked.map((one) => {
    const isGone = gone.includes(one);
    return isGone ? (newest.find(({ name }) => name === one.name) ?? one) : one;
  });
}

/** Reads the lock file and the name lists, and checks that they agree. */
export async function readLock(folder: string): Promise<Lock> {
  const lock = parseLock(await readFile(`${folder}/packages.lock.json`, "utf8"));
  const names = await readNames(folder);
  for (const set of PACKAGE_SETS) {
    const locked = lock.sets[set].map(({ name }) => name);
    if (names[set].join() === locked.join()) continue;
    throw new BuildError(`packages/${set}.txt and the lock differ: run bun build.ts lock`);
  }
  return lock;
}

/** Reads the name lists. */
export async function readNames(
  folder: string,
): Promise<Readonly<Record<PackageSet, readonly string[]>>> {
  const read = async (set: PackageSet) =>
    parseNames(await readFile(`${folder}/packages/${set}.txt`, "utf8"));
  const [node, host, kernel] = await Promise.all([read("node"), read("host"), read("kernel")]);
  return { node, host, kernel };
}
