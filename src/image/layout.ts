// The disk of a node, as drawn in image.ts: which partitions, how large, and whether they fit.
import { type Partition, type SectorSize, usableRange } from "../base/format/gpt.ts";
import { guidFromHex } from "../base/format/guid.ts";
import { formatSize } from "../base/format/size.ts";
import { ImageError } from "./image-error.ts";

const MIB = 1 << 20;

/** Types by which firmware and nodes recognise partitions; the same as the original's. */
export const PARTITION_TYPE = {
  esp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  systemA: "ee96054b-f6d0-4267-aaaa-724b2afea74c",
  systemB: "ee96054b-f6d0-4267-bbbb-724b2afea74c",
  data: "9eeec464-6885-414a-b278-4305c51f7966",
} as const;

/** Names of partitions, as tools show them. */
export const PARTITION_NAME = {
  esp: "ESP",
  systemA: "METROPOLIS-SYSTEM-A",
  systemB: "METROPOLIS-SYSTEM-B",
  data: "METROPOLIS-NODE-DATA",
} as const;

/** A partition's part in the layout. */
export type PartitionRole = keyof typeof PARTITION_TYPE;

/** Label of the ESP's file system. */
export const ESP_LABEL = "METRO_BOOT";

/** Partitions begin at multiples of this, which suits every disk's inner blocks. */
export const ALIGNMENT_BYTES = MIB;
const ESP_BYTES = 512 * MIB;
/** The least that a node can work with. */
const MIN_DATA_BYTES = 1024 * MIB;
const MIN_SLOT_BYTES = 512 * MIB;

/** A place on a disk, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** Where each partition goes. */
export type DiskPlan = Readonly<Record<PartitionRole, Extent>> & {
  readonly sectorSize: SectorSize;
};

/**
 * How large a system slot is for a first image of this size.
 *
 * Slots never change once a disk is written, while images do: half as much again is for those
 * to come.
 */
export function slotBytes(systemImageBytes: number): number {
  return Math.max(MIN_SLOT_BYTES, roundUp(systemImageBytes * 1.5, 128 * MIB));
}

/** The smallest disk that a node with this system image can be installed on. */
export function minimumDiskBytes(systemImageBytes: number): number {
  const slots = 2 * slotBytes(systemImageBytes);
  // The table's two copies are within the space that alignment costs at either end.
  return ALIGNMENT_BYTES + ESP_BYTES + slots + MIN_DATA_BYTES + ALIGNMENT_BYTES;
}

/** Divides a disk; throws an ImageError that names need and have where it is too small. */
export function planDisk(
  diskBytes: number,
  systemImageBytes: number,
  sectorSize: SectorSize = 512,
): DiskPlan {
  const need = minimumDiskBytes(systemImageBytes);
  if (diskBytes < need) {
    throw new ImageError(
      `disk is too small: it has ${formatSize(diskBytes)}, ` +
        `a node needs at least ${formatSize(need)}`,
    );
  }
  const slot = slotBytes(systemImageBytes);
  const esp = { offset: ALIGNMENT_BYTES, size: ESP_BYTES };
  const systemA = { offset: esp.offset + esp.size, size: slot };
  const systemB = { offset: systemA.offset + slot, size: slot };
  const dataOffset = systemB.offset + slot;
  const { end } = usableRange(diskBytes, sectorSize);
  const dataEnd = Math.floor(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const data = { offset: dataOffset, size: dataEnd - dataOffset };
  return { esp, systemA, systemB, data, sectorSize };
}

/** GUIDs of the partitions, made up except for those of system slots with an image. */
export type PartitionIds = Readonly<Record<PartitionRole, string>>;

/** The entries of the partition table, in the order of the disk. */
export function planPartitions(plan: DiskPlan, ids: PartitionIds): readonly Partition[] {
  const roles = ["esp", "systemA", "systemB", "data"] as const;
  return roles.map((role) => ({
    type: PARTITION_TYPE[role],
    id: ids[role],
    name: PARTITION_NAME[role],
    ...plan[role],
  }));
}

/**
 * The GUID of a system slot that holds the image with this root hash.
 *
 * The kernel's command line names the partition by it, so one kernel image serves either slot
 * and never meets the system of another version.
 */
export function slotId(rootHash: string): string {
  return guidFromHex(rootHash);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
