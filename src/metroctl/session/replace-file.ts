// Files of the operator's own: replaced whole or not at all, also when the
// machine loses power. metroctl also runs where base/linux does not.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { removeAbandoned, temporaryName } from "../../base/format/temporary-file.ts";
import { UserError } from "../output/user-error.ts";

/**
 * Writes beside the file, syncs, renames over it, and syncs the folder.
 *
 * Throws a {@link UserError} that names the file, and leaves nothing beside it.
 */
export function replaceFile(path: string, content: string | Uint8Array, mode: number): void {
  const beside = temporaryName(path);
  removeAbandoned(path);
  try {
    writeNew(beside, content, mode);
    takeName(beside, path);
  } catch (cause) {
    rmSync(beside, { force: true });
    throw new UserError(`write ${path}`, { cause });
  }
}

/** Gives a file, which is on the disk, another name there; what had that is gone. */
export function takeName(from: string, path: string): void {
  renameSync(from, path);
  syncFolder(dirname(path));
}

function writeNew(beside: string, content: string | Uint8Array, mode: number): void {
  // Exclusive, so that a link planted under this name is not followed.
  rmSync(beside, { force: true });
  const file = openSync(beside, "wx", mode);
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
