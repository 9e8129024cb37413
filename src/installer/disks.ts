// Which disk to install to. No I/O here.
import { formatSize } from "../base/format/size.ts";
import type { BlockDevice } from "../base/linux/block-device.ts";
import { InstallerError } from "./installer-error.ts";

/** What a disk must be. */
export interface DiskWish {
  /** The disk that the installer runs from, by the kernel's name. */
  readonly medium: string;
  /** The least size, in bytes. */
  readonly needBytes: number;
}

/** Why a disk will not do; undefined if it will. */
export function unsuitable(disk: BlockDevice, { medium, needBytes }: DiskWish): string | undefined {
  if (disk.name === medium) return "the installation medium";
  if (disk.isOptical) return "an optical drive";
  if (disk.isReadOnly) return "read-only";
  if (disk.size < BigInt(needBytes)) return `too small, it has ${formatSize(Number(disk.size))}`;
  return undefined;
}

/**
 * Picks the first suitable disk; one that is built in comes before one that can be pulled out.
 *
 * Throws an InstallerError that lists every disk and why it will not do.
 */
export function chooseDisk(devices: readonly BlockDevice[], wish: DiskWish): BlockDevice {
  const disks = devices.filter(
    // An empty card reader is a disk of no size.
    ({ partition, isVirtual, size }) => partition === undefined && !isVirtual && size > 0n,
  );
  const suitable = disks.filter((disk) => unsuitable(disk, wish) === undefined);
  const chosen = suitable.find(({ isRemovable }) => !isRemovable) ?? suitable[0];
  if (chosen !== undefined) return chosen;
  const reasons = disks.map((disk) => `${disk.path} is ${unsuitable(disk, wish)}`);
  throw new InstallerError(
    `There is no disk to install to. A node needs at least ${formatSize(wish.needBytes)}; ` +
      `${reasons.length === 0 ? "this machine has no disks at all" : reasons.join("; ")}`,
  );
}
