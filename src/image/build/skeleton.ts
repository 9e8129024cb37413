// The root file system before any program is in it: folders to mount on, links, and the two files
// that let our executable start before /proc is mounted. The same for nodes and the installer.
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CpioEntry } from "../../base/format/cpio.ts";

/** Folders, each behind the one it is in; those with no file of ours in them are mounted on. */
const FOLDERS = [
  "etc",
  "usr",
  "usr/bin",
  "usr/sbin",
  "usr/lib",
  "usr/lib/x86_64-linux-gnu",
  "usr/lib64",
  "usr/lib/metropolis",
  "proc",
  "proc/self",
  "sys",
  "dev",
  "run",
  "esp",
  "data",
  "ephemeral",
  "var",
  "var/empty",
] as const;

/** Links by path. What Debian's programs write below /var and /etc lives in memory, below /run. */
const LINKS: Readonly<Record<string, string>> = {
  bin: "usr/bin",
  sbin: "usr/sbin",
  lib: "usr/lib",
  lib64: "usr/lib64",
  "var/run": "../run",
  "var/lib": "../run/lib",
  "var/tmp": "../tmp",
  "etc/resolv.conf": "../ephemeral/names/resolv.conf",
  "etc/hosts": "../ephemeral/names/hosts",
  "etc/mtab": "../proc/self/mounts",
  // Bun runs as whatever name it is called by, and this name is the role.
  "usr/lib/metropolis/dhcp-hook": "../../../init",
  "usr/lib/metropolis/node": "../../../init",
  "usr/lib/metropolis/curator": "../../../init",
  "proc/self/exe": "../../init",
};

/**
 * What glibc reads to find the main thread's stack; it aborts without the file. `init` mounts the
 * real /proc over this one.
 */
const MAPS = "00400000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n";

/** The entries of the skeleton. */
export const skeleton: readonly CpioEntry[] = [
  ...FOLDERS.map((path) => ({ kind: "folder", path }) as const),
  { kind: "folder", path: "tmp", mode: 0o1777 },
  ...Object.entries(LINKS).map(([path, target]) => ({ kind: "link", path, target }) as const),
  { kind: "file", path: "proc/self/maps", bytes: new TextEncoder().encode(MAPS) },
];

/** Writes entries into a folder; devices cannot be made without root, and none are needed. */
export async function writeEntries(root: string, entries: readonly CpioEntry[]): Promise<void> {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.kind === "folder") await mkdir(path);
    if (entry.kind === "link") await symlink(entry.target, path);
    if (entry.kind === "file") await writeFile(path, entry.bytes);
    // The umask of the builder must not show in the image.
    if (entry.kind === "folder") await chmod(path, entry.mode ?? 0o755);
    if (entry.kind === "file") await chmod(path, entry.mode ?? 0o644);
  }
}

/** The text of os-release, which says what this is to people and to systemd-boot. */
export function osRelease(version: string): string {
  return [
    "NAME=Metropolis",
    "ID=metropolis",
    `VERSION_ID=${version}`,
    `PRETTY_NAME="Metropolis ${version}"`,
    "",
  ].join("\n");
}
