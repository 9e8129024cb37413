// The disk, stick or file that something is written to, and read back from.
import { type BlockDevice, fileDevice } from "../base/format/block-device.ts";
import { ImageError } from "./image-error.ts";
import type { Progress } from "./progress.ts";
import { verifyRegions } from "./verify.ts";
import type { Written } from "./write-image.ts";

/** Opens a target, gives it to `write`, and closes it whatever happens. */
export async function writeTarget(
  path: string,
  size: number,
  write: (device: BlockDevice) => Promise<Written>,
): Promise<Written> {
  await using device = await fileDevice(path, { mode: "write", size }).catch(explainOpen(path));
  return await write(device);
}

/**
 * Reads back what was written and throws an ImageError if it differs.
 *
 * The target is opened anew, because closing a block device empties its cache: only so does this
 * read what the medium holds, and not what memory remembers.
 */
export async function readBack(
  path: string,
  size: number,
  { regions }: Written,
  progress: Progress,
): Promise<void> {
  await using device = await fileDevice(path, { size });
  await verifyRegions(device, path, regions, progress);
}

function explainOpen(path: string): (cause: unknown) => never {
  return (cause) => {
    const isBusy = cause instanceof Error && "code" in cause && cause.code === "EBUSY";
    const reason = isBusy ? `${path} is in use: unmount it first` : `open ${path} for writing`;
    throw new ImageError(reason, { cause });
  };
}
