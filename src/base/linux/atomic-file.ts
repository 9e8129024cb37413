// Changing a file so that a power cut leaves either the old or the new one, whole.
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Ends the name of a file being written. One may be left behind by a power cut, and the next
 * write takes its place.
 */
export const TEMPORARY_SUFFIX = ".new";

/** Makes a folder's entries (creations, renames, deletions) last through a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Renames a file for good, on FAT too. There the entry under the new name is born
 * empty; where the content lies gets into it only when the file itself is written
 * back. Seen after a power cut: a folder in order, its newest files 0 bytes long.
 */
export async function renameAtomic(from: string, to: string): Promise<void> {
  await rename(from, to);
  const file = await open(to, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(to));
}

/** Writes a file by way of a neighbour: write, fsync, rename, fsync of the folder. */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o600,
): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  // A leftover would keep its own mode; the new file must be born with the right one.
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await renameAtomic(temporary, path);
}

/** Deletes a file, if it is there, for good. */
export async function removeFileAtomic(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/**
 * Deletes a file, if it is there, for good, and its bytes from the disk. Overwritten first:
 * deleting alone would leave them in free clusters.
 */
export async function eraseFile(path: string): Promise<void> {
  await overwrite(await openExisting(path));
  await removeFileAtomic(path);
}

/** Like {@link writeFileAtomic}; the bytes of the file that was there before leave the disk. */
export async function replaceFileErased(path: string, bytes: Uint8Array): Promise<void> {
  const old = await openExisting(path);
  await writeFileAtomic(path, bytes);
  await overwrite(old);
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Also of a file that has lost its name: its sectors stay its own until it is closed. */
async function overwrite(file: FileHandle | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    await file.write(new Uint8Array(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
