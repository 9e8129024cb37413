// The medium that the installer was started from.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileDevice } from "../base/format/block-device.ts";
import { FormatError } from "../base/format/format.ts";
import { readGpt } from "../base/format/gpt.ts";
import { type BlockDevice, blockDevices } from "../base/linux/block-device.ts";
import { mount } from "../base/linux/mount.ts";
import { MEDIUM_PATHS } from "../image/image.ts";
import { InstallerError } from "./installer-error.ts";

/** USB sticks take their time to appear. */
const PATIENCE_MS = 30_000;
const PERIOD_MS = 500;
const MOUNT_POINT = "/medium";

/** The installer's own medium. */
export interface Medium {
  /** The kernel's name of the whole disk. */
  readonly disk: string;
  /** Path of the bundle. */
  readonly bundle: string;
  /** Serialised NodeParameters. */
  readonly parameters: Uint8Array;
}

/** Waits for the partition with this GUID to appear, mounts it and reads what is on it. */
export async function openMedium(partitionId: string | undefined): Promise<Medium> {
  if (partitionId === undefined) {
    throw new InstallerError(
      "The firmware does not say which medium this installer was started from. " +
        "Start it from a USB stick or a disk, not over the network or from an optical disc",
    );
  }
  const partition = await findPartition(partitionId);
  mkdirSync(MOUNT_POINT, { recursive: true });
  mount({ source: partition.path, target: MOUNT_POINT, type: "vfat", flags: ["readOnly"] });
  return {
    disk: partition.disk,
    bundle: join(MOUNT_POINT, MEDIUM_PATHS.bundle),
    parameters: await readParameters(MOUNT_POINT),
  };
}

/**
 * Reads the node parameters of the medium that is mounted on `root`.
 *
 * Throws an InstallerError where they are not those that were written: with one bit of a key
 * turned they would make a cluster that nobody can own.
 */
export async function readParameters(root: string): Promise<Uint8Array> {
  const bytes = await readWhole(root, MEDIUM_PATHS.parameters);
  // An older metroctl writes none.
  if (!existsSync(join(root, MEDIUM_PATHS.parametersHash))) return bytes;
  const wanted = new TextDecoder().decode(await readWhole(root, MEDIUM_PATHS.parametersHash));
  if (createHash("sha256").update(bytes).digest("hex") === wanted) return bytes;
  throw new InstallerError("The node parameters on the medium are damaged. Write it again");
}

async function readWhole(root: string, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(join(root, path)));
  } catch (cause) {
    throw new InstallerError(`The medium has no readable ${path}. Write it again`, { cause });
  }
}

async function findPartition(id: string): Promise<BlockDevice> {
  for (const deadline = performance.now() + PATIENCE_MS; ; ) {
    const devices = blockDevices();
    for (const disk of devices) {
      const found = await partitionWithId(disk, devices, id);
      if (found !== undefined) return found;
    }
    if (performance.now() > deadline) break;
    await Bun.sleep(PERIOD_MS);
  }
  throw new InstallerError(
    `The installation medium (partition ${id}) did not appear within ${PATIENCE_MS / 1_000} s. ` +
      "Leave it plugged in, or use another port or stick",
  );
}

/** The partition of a disk that has this GUID, as the kernel knows it. */
export async function partitionWithId(
  disk: BlockDevice,
  devices: readonly BlockDevice[],
  id: string,
): Promise<BlockDevice | undefined> {
  if (disk.partition !== undefined || disk.size === 0n) return undefined;
  const offset = await offsetOfPartition(disk, id);
  return devices.find(
    (device) =>
      device.disk === disk.name && device.partition !== undefined && device.offset === offset,
  );
}

async function offsetOfPartition(disk: BlockDevice, id: string): Promise<bigint | undefined> {
  try {
    await using device = await fileDevice(disk.path, { size: Number(disk.size) });
    const { partitions } = await readGpt(device, disk.sectorSize === 4096 ? 4096 : 512);
    const found = partitions.find((partition) => partition.id.toLowerCase() === id);
    return found && BigInt(found.offset);
  } catch (error) {
    // Disks without a partition table, and drives without a disk, are not what we look for.
    if (error instanceof FormatError || isSystemError(error)) return undefined;
    throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
