// mount(2) and umount2(2), with names for their flags, and the list of what is mounted.
import { readFileSync } from "node:fs";
import { check, cString, libc } from "./syscall.ts";

const flagBits = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  sync: 16,
  remount: 32,
  /** Every change of a folder is on the disk when its call returns. */
  dirSync: 128,
  noAtime: 1024,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  private: 1 << 18,
  relAtime: 1 << 21,
} as const;

/** A flag of mount(2), by the name we give it. */
export type MountFlag = keyof typeof flagBits;

/** What to mount, and where. */
export interface MountSpec {
  /** Block device, or any label for file systems that have none. */
  readonly source: string;
  /** An existing directory. */
  readonly target: string;
  /** Empty for `bind`, `move` and `remount`. */
  readonly type: string;
  readonly flags?: readonly MountFlag[];
  /** Options the file system itself understands, such as `size=64m`. */
  readonly data?: string;
}

/** Mounts a file system. */
export function mount({ source, target, type, flags = [], data = "" }: MountSpec): void {
  const bits = flags.reduce((all, flag) => all | flagBits[flag], 0);
  check(
    libc().mount(cString(source), cString(target), cString(type), bits, cString(data)),
    "mount",
    `${type || source} on ${target}`,
  );
}

const unmountBits = { force: 1, detach: 2, noFollow: 8 } as const;

/** A flag of umount2(2); `detach` takes it out of sight now and ends it when unused. */
export type UnmountFlag = keyof typeof unmountBits;

/** Unmounts what is mounted on `target`. */
export function unmount(target: string, flags: readonly UnmountFlag[] = []): void {
  const bits = flags.reduce((all, flag) => all | unmountBits[flag], 0);
  check(libc().umount2(cString(target), bits), "umount", target);
}

/** One line of the mount table. */
export interface MountPoint {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  /** The options of the mount itself, such as `ro` and `nosuid`. */
  readonly options: readonly string[];
}

/** Reads the text of a mountinfo file (proc_pid_mountinfo(5)), oldest mount first. */
export function parseMountInfo(text: string): readonly MountPoint[] {
  return text.split("\n").flatMap((line) => {
    // Optional fields, of any number, end with a lone hyphen.
    const [left = "", right] = line.split(" - ", 2);
    if (right === undefined) return [];
    const [, , , , target = "", options = ""] = left.split(" ");
    const [type = "", source = ""] = right.split(" ");
    return [
      { source: unescaped(source), target: unescaped(target), type, options: options.split(",") },
    ];
  });
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** What this process sees mounted. */
export function mountPoints(): readonly MountPoint[] {
  return parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** True if something is mounted on exactly this path. */
export function isMountPoint(target: string): boolean {
  return mountPoints().some((point) => point.target === target);
}
