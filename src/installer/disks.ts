// Which disk to install to. No I/O here.
import { formatSize } from "../base/format/size.ts";
import type { BlockDevice } from "../base/linux/block-device.ts";
import { type DiskContent, isInstallation } from "../image/image.ts";
import { InstallerError } from "./installer-error.ts";

/** What a disk must be. */
export interface DiskWish {
  /** The disk that the installer runs from, by the kernel's name. */
  readonly medium: string;
  /** The least size, in bytes. */
  readonly needBytes: number;
}

/** A disk, and what lies on it. */
export interface Candidate extends BlockDevice {
  readonly content: DiskContent;
}

/** The disks among block devices that can hold anything. */
export function disksAmong(devices: readonly BlockDevice[]): readonly BlockDevice[] {
  return devices.filter(
    // An empty card reader is a disk of no size.
    ({ partition, isVirtual, size }) => partition === undefined && !isVirtual && size > 0n,
  );
}

/** Why a disk will not do; undefined if it will. */
export function unsuitable(disk: Candidate, { medium, needBytes }: DiskWish): string | undefined {
  if (disk.name === medium) return "the installation medium";
  if (disk.isOptical) return "an optical drive";
  if (disk.isReadOnly) return "read-only";
  if (disk.size < BigInt(needBytes)) return `too small, it has ${formatSize(Number(disk.size))}`;
  if (disk.content.kind === "unreadable") return `broken, ${disk.content.reason}`;
  return undefined;
}

/**
 * Picks the first suitable disk; one that is built in comes before one that can be pulled out, and
 * a blank one before one that holds an installation, which may be another node's.
 *
 * Throws an InstallerError that lists every disk and why it will not do.
 */
export function chooseDisk(disks: readonly Candidate[], wish: DiskWish): Candidate {
  const suitable = disks.filter((disk) => unsuitable(disk, wish) === undefined);
  const builtIn = suitable.filter(({ isRemovable }) => !isRemovable);
  const group = builtIn.length > 0 ? builtIn : suitable;
  const [first] = group;
  if (first !== undefined) {
    return isInstallation(first.content) ? (group.find(isBlank) ?? first) : first;
  }
  const reasons = disks.map((disk) => `${disk.path} is ${unsuitable(disk, wish)}`);
  throw new InstallerError(
    `There is no disk to install to. A node needs at least ${formatSize(wish.needBytes)}; ` +
      `${reasons.length === 0 ? "this machine has no disks at all" : reasons.join("; ")}`,
  );
}

function isBlank({ content }: Candidate): boolean {
  return content.kind === "none" && content.isBlank;
}

/** What the person in front of the machine should know before the chosen disk is written. */
export function warnings(disks: readonly Candidate[], chosen: Candidate): readonly string[] {
  return disks.flatMap((disk) => {
    if (disk.content.kind === "unreadable") {
      return [`Warning: ${disk.path} cannot be read: ${disk.content.reason}`];
    }
    if (!isInstallation(disk.content)) return [];
    if (disk === chosen) {
      return [`Warning: ${disk.path} holds an installation of Metropolis, which is replaced`];
    }
    return [
      `Warning: ${disk.path} holds another installation of Metropolis, which stays as it is. ` +
        `If the machine starts from it, choose ${chosen.path} in the firmware's settings`,
    ];
  });
}
