// The disk that the verified system lies on, and the node's partitions there.
//
// The signed kernel command line names the system's partition by the first half of
// its root hash. Only the disk that holds this partition is looked at: a partition
// with our type on another disk may be an attacker's, or another installation's.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileDevice } from "../../base/format/block-device.ts";
import { FormatError } from "../../base/format/format.ts";
import { type Partition, readGpt } from "../../base/format/gpt.ts";
import { PARTITION_TYPE, type Slot } from "../../image/image.ts";

/** No disk, or one that does not have exactly what a node needs. */
export class DiskError extends Error {
  override readonly name = "DiskError";
}

/** Device nodes of the node's own disk. */
export interface BootDisk {
  readonly disk: string;
  readonly esp: string;
  readonly data: string;
  /** The slot that runs. */
  readonly slot: Slot;
}

/** Where the kernel shows its disks. Tests make their own. */
export interface DiskSource {
  /** As /sys/block. */
  readonly sysfs: string;
  /** As /dev. */
  readonly devices: string;
}

const machine: DiskSource = { sysfs: "/sys/block", devices: "/dev" };

/** Devices that are made of others, and so are never the disk itself. */
const MADE_OF_OTHERS = /^(dm-|loop|ram|zram|md|sr|fd|nbd)/;

interface Disk {
  readonly name: string;
  readonly bytes: number;
  readonly sectorSize: 512 | 4096;
}

function readNumber(path: string): number {
  return Number(readFileSync(path, "utf8").trim());
}

function disks({ sysfs }: DiskSource): readonly Disk[] {
  return readdirSync(sysfs)
    .filter((name) => !MADE_OF_OTHERS.test(name))
    .toSorted()
    .map((name) => ({
      name,
      // The kernel counts in units of 512 bytes, whatever the sector size is.
      bytes: readNumber(join(sysfs, name, "size")) * 512,
      sectorSize: readNumber(join(sysfs, name, "queue/logical_block_size")) === 4096 ? 4096 : 512,
    }));
}

/** The partitions of a disk; none if it has no table that can be read. */
async function partitionsOf(disk: Disk, source: DiskSource): Promise<readonly Partition[]> {
  if (disk.bytes === 0) return [];
  const path = join(source.devices, disk.name);
  await using device = await fileDevice(path, { size: disk.bytes });
  try {
    return (await readGpt(device, disk.sectorSize)).partitions;
  } catch (error) {
    // Other disks of the machine are none of our business, whatever is on them.
    if (error instanceof FormatError) return [];
    throw error;
  }
}

/** `vda` and 4 make `vda4`, `nvme0n1` and 4 make `nvme0n1p4`. */
export function partitionName(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/**
 * The kernel's name for a partition that starts at `offset` bytes.
 *
 * Asked of the kernel, not counted: numbers may have gaps.
 */
function deviceOf(disk: Disk, { offset, name }: Partition, { sysfs, devices }: DiskSource): string {
  const folder = join(sysfs, disk.name);
  for (const entry of readdirSync(folder)) {
    const number = /^[a-z0-9]+?p?(\d+)$/.exec(entry)?.[1];
    if (number === undefined || entry !== partitionName(disk.name, Number(number))) continue;
    if (readNumber(join(folder, entry, "start")) * 512 === offset) return join(devices, entry);
  }
  throw new DiskError(`find partition ${name} of ${disk.name}: the kernel does not show it`);
}

function only(partitions: readonly Partition[], type: string, what: string): Partition {
  const found = partitions.filter((partition) => partition.type === type);
  const [partition] = found;
  if (partition === undefined || found.length > 1) {
    throw new DiskError(`find ${what} partition: ${found.length} of them on the disk, not one`);
  }
  return partition;
}

/** Finds the node's disk by the GUID of the system partition. */
export async function findBootDisk(
  systemId: string,
  source: DiskSource = machine,
): Promise<BootDisk> {
  const found: { disk: Disk; partitions: readonly Partition[]; system: Partition }[] = [];
  for (const disk of disks(source)) {
    const partitions = await partitionsOf(disk, source);
    const system = partitions.find(({ id }) => id === systemId);
    if (system !== undefined) found.push({ disk, partitions, system });
  }
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new DiskError(
      `find disk with system partition ${systemId}: ${found.length} disks have it`,
    );
  }
  const { disk, partitions, system } = first;
  return {
    disk: join(source.devices, disk.name),
    esp: deviceOf(disk, only(partitions, PARTITION_TYPE.esp, "ESP"), source),
    data: deviceOf(disk, only(partitions, PARTITION_TYPE.data, "data"), source),
    slot: system.type === PARTITION_TYPE.systemB ? "b" : "a",
  };
}
