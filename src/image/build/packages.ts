// The Debian parts: `packages` is what of them goes into the system image, `host` is what the build
// itself runs and takes, unpacked.
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { unpackDebs } from "./debian.ts";
import { host } from "./host.ts";
import { type PackageSet, parseNames } from "./lock.ts";
import { type SelectedFile, selectFiles } from "./select.ts";
import type { BuildSettings } from "./settings.ts";
import type { Stage } from "./stage.ts";
import { emptyUnused, unusedLibraries } from "./unused-libraries.ts";

const UNPACK = { "dpkg-deb": "dpkg", xz: "xz-utils", zstd: "zstd", "apt-get": "apt" };

/**
 * setpriv as the system image has it, for clusters of processes: that of the host may be too old
 * to know filters and views. Its own loader starts it, for so may be the C library.
 */
const SETPRIV = `#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
libraries=$root/usr/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/bin/setpriv" "$@"
`;

/** Selects the files of Debian packages that a node needs: `root/`. */
export function packagesStage(settings: BuildSettings): Stage {
  const list = join(settings.checkout, "initramfs", "files.txt");
  return {
    name: "packages",
    summary: "what the system image takes from Debian packages (initramfs/files.txt)",
    needs: [],
    code: import.meta.path,
    programs: { ...UNPACK, gcc: "gcc" },
    async inputs() {
      // Another compiler makes other libraries.
      const unused = [JSON.stringify(unusedLibraries), await host(["gcc", "--version"])];
      return [await readFile(list, "utf8"), ...unused, ...(await hashes(settings, "node"))];
    },
    async make({ folder, note }) {
      const globs = parseNames(await readFile(list, "utf8"));
      const unpacked = await mkdtemp(join(settings.cache, ".packages-root-"));
      try {
        await unpackSet(settings, "node", unpacked);
        // A program that misses something of an empty library does not even start.
        for (const program of await emptyUnused(unpacked)) {
          await hostTool(unpacked, program, ["--version"]);
        }
        const files = await selectFiles(unpacked, globs);
        note(`${files.length} files`);
        for (const file of files) await copyEntry(unpacked, join(folder, "root"), file);
        await writeFile(join(folder, "setpriv"), SETPRIV, { mode: 0o755 });
      } finally {
        await rm(unpacked, { recursive: true, force: true });
      }
    },
    output: "root",
    links: { setpriv: "setpriv" },
  };
}

/** Unpacks the packages that the build itself uses: `root/`. */
export function hostStage(settings: BuildSettings): Stage {
  return {
    name: "host",
    summary: "Debian programs and firmware that the build itself uses",
    needs: [],
    code: import.meta.path,
    programs: UNPACK,
    inputs: () => hashes(settings, "host"),
    async make({ folder }) {
      await unpackSet(settings, "host", join(folder, "root"));
    },
    output: "root",
    links: { host: "root" },
  };
}

/**
 * Runs a program of the `host` stage.
 *
 * It may need a newer C library than the host has, so it is started by its own loader.
 */
export function hostTool(root: string, program: string, args: readonly string[]): Promise<string> {
  const loader = join(root, "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  return host([loader, "--library-path", libraries, join(root, program), ...args]);
}

async function hashes(settings: BuildSettings, set: PackageSet): Promise<readonly string[]> {
  const packages = await settings.packages(set);
  return packages.map(({ name, sha256 }) => `${name} ${sha256}`);
}

async function unpackSet(settings: BuildSettings, set: PackageSet, folder: string): Promise<void> {
  const packages = await settings.packages(set);
  await settings.apt.fetch(packages);
  const paths = packages.map((one) => settings.apt.path(one));
  await unpackDebs(paths, folder);
}

async function copyEntry(from: string, to: string, { path, target }: SelectedFile): Promise<void> {
  const destination = join(to, path);
  await mkdir(dirname(destination), { recursive: true });
  if (target !== undefined) return symlink(target, destination);
  await copyFile(join(from, path), destination);
  // Nothing of Debian's runs with more rights than its caller on a node.
  const { mode } = await stat(join(from, path));
  await chmod(destination, (mode & 0o111) === 0 ? 0o644 : 0o755);
}
