// Writing a large file so that its name never stands for half of it.
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type BlockDevice, fileDevice, type OpenOptions } from "../base/format/block-device.ts";
import { removeAbandoned, temporaryName } from "../base/format/temporary-file.ts";

/** The file to be made: its size, and where others shall not read it, its rights. */
export type NewFile = Pick<OpenOptions, "rights"> & { readonly size: number };

/**
 * Gives `write` a new file and puts it in the place of `path` when it is done.
 *
 * `check` sees the finished file by its temporary name. If anything fails, what was at `path`
 * stays and nothing is left behind; what a killed process left goes first, as it takes the room.
 */
export async function replaceFile(
  path: string,
  file: NewFile,
  write: (device: BlockDevice) => Promise<void>,
  check: (temporary: string) => Promise<void> = async () => {},
): Promise<void> {
  const temporary = temporaryName(path);
  removeAbandoned(path);
  await rm(temporary, { force: true });
  try {
    await writeNew(path, temporary, file, write);
    await check(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeNew(
  name: string,
  path: string,
  file: NewFile,
  write: (device: BlockDevice) => Promise<void>,
): Promise<void> {
  await using device = await fileDevice(path, { ...file, mode: "create", name });
  await write(device);
  await device.sync();
}

/** Without this the new name itself could be lost in a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
