// A file that a command is to write, before anything is done for it: no call, no key, no minute
// of work for a path that cannot hold it.
import { realpathSync, type Stats, statSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { UserError } from "../output/user-error.ts";

/**
 * Throws a {@link UserError} unless the path is a file, or one may be made there. Below /dev none
 * may: what is written to a stick that is not plugged in would fill the memory of this machine,
 * and be in the way when it is.
 */
export function requireFileTarget(path: string): void {
  const there = statOf(path);
  if (there?.isDirectory() === true) throw new UserError(`${path} is a folder: name a file in it`);
  if (there !== undefined && !there.isFile())
    throw new UserError(`${path} is no file: name one, new or to be replaced`);
  const folder = dirname(resolve(path));
  if (statOf(folder)?.isDirectory() !== true)
    throw new UserError(`${path}: there is no folder ${folder}: make it first`);
  if (there === undefined && isOfDevices(realpathSync(folder)))
    throw new UserError(
      `there is no device ${path}: is it plugged in? lsblk names those there are`,
    );
}

/**
 * What is at a path; nothing where nothing is. Throws a {@link UserError} where this user may not
 * even look.
 */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new UserError(`look at ${path}`, { cause });
  }
}

function isOfDevices(folder: string): boolean {
  const isBelow = (top: string) => `${folder}${sep}`.startsWith(`${top}${sep}`);
  // Memory too, but meant for files.
  return isBelow("/dev") && !isBelow("/dev/shm");
}
