// Disk images of machines: sparse files, so that a blank disk of any size takes
// no room, and copies that stay sparse.
import { closeSync, ftruncateSync, openSync } from "node:fs";
import { run } from "../base/process/process.ts";
import { LauncherError } from "./launcher-error.ts";
import { programPath } from "./packages.ts";

const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes of a size such as "512M", "4G" or "1T". */
export function parseSize(text: string): number {
  const [, count, unit] = /^(\d+)([MGT])$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ""];
  if (count === undefined || factor === undefined || Number(count) === 0) {
    throw new LauncherError(`size "${text}": want a number and M, G or T, such as 4G`);
  }
  return Number(count) * factor;
}

/** Makes a blank disk. Refuses to overwrite one. */
export function createDisk(file: string, bytes: number): void {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    ftruncateSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
}

/** Copies a file or folder; holes stay holes, and blocks are shared where they can be. */
export async function copySparse(from: string, to: string): Promise<void> {
  const command = [
    "cp",
    "--recursive",
    "--reflink=auto",
    "--sparse=always",
    "--no-target-directory",
  ];
  await run([...command, from, to], { env: { PATH: programPath } });
}
