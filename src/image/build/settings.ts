// Where a build reads and writes, and how it treats what it finds: made once by build.ts, then
// handed to every stage.
import { homedir } from "node:os";
import { join } from "node:path";
import type { Apt, LockedPackage } from "./debian.ts";
import { effectivePackages, type PackageSet, readLock } from "./lock.ts";

/** What all stages share. */
export interface BuildSettings {
  /** The top folder of the repository. */
  readonly checkout: string;
  readonly cache: string;
  /** Secure Boot keys: PK, KEK and db, each a `.key` and a `.crt`. */
  readonly keys: string;
  /** Compress lightly: images are 15 % larger, and made in a fifth of the time. */
  readonly isQuick: boolean;
  readonly apt: Apt;
  /** The Debian packages of a set, in the versions this build uses. */
  packages(set: PackageSet): Promise<readonly LockedPackage[]>;
}

/** The cache folder: outside the checkout, so that `git clean` costs no kernel. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment.METROPOLIS_CACHE;
  if (own) return own;
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "metropolis");
}

/** Looks packages up in the lock once, however many stages ask. */
export function lockedPackages(
  checkout: string,
  apt: Apt,
  policy: { readonly isStrict: boolean; warn(text: string): void },
): BuildSettings["packages"] {
  const folder = join(checkout, "initramfs");
  const lock = once(() => readLock(folder));
  const asked = new Map<PackageSet, Promise<readonly LockedPackage[]>>();
  return (set) => {
    const known = asked.get(set);
    if (known !== undefined) return known;
    const found = lock().then(({ sets }) => effectivePackages(sets[set], apt, policy));
    asked.set(set, found);
    return found;
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
