// Writes a fresh FAT32 file system with given files, in one pass and with the same bytes for the
// same input.
//
//   | boot, free count, spare | table | table | root | directories | files ... |
//
// Each file gets consecutive clusters, so the tables are known before the first byte of content
// is read and files of any size stream through.
import { type BlockDevice, writeSource, writeZeros } from "./block-device.ts";
import type { ByteSource } from "./byte-source.ts";
import {
  BACKUP_BOOT_SECTOR,
  bootSector,
  FAT_COPIES,
  type Fat32Options,
  FIRST_CLUSTER,
  freeSector,
  type Geometry,
  planGeometry,
  RESERVED_SECTORS,
} from "./fat32-geometry.ts";
import { layOut, type Placed } from "./fat32-tree.ts";
import { FormatError } from "./format.ts";

export type { Fat32Options } from "./fat32-geometry.ts";

/** Files by path, such as `EFI/BOOT/BOOTX64.EFI`; directories come from the paths. */
export type FatFiles = Readonly<Record<string, ByteSource>>;

/** Entry of a table that ends a chain. */
const END_OF_CHAIN = 0x0fffffff;

/**
 * Writes the file system onto a part of a device and syncs it.
 *
 * `onProgress` gets the number of bytes of files written so far. Throws a FormatError where the
 * files do not fit or a name cannot be on FAT; nothing has been written then.
 */
export async function writeFat32(
  device: BlockDevice,
  options: Fat32Options,
  files: FatFiles,
  onProgress: (done: number) => void = () => {},
): Promise<void> {
  const geometry = planGeometry(options);
  const placed = layOut(files, geometry.clusterBytes, options);
  const used = placed.reduce((sum, { clusters }) => sum + clusters, 0);
  if (used > geometry.clusters) {
    throw new FormatError(
      `files need ${used} clusters of ${geometry.clusterBytes} bytes, ` +
        `the volume has ${geometry.clusters}`,
    );
  }
  await writeTables(device, options, geometry, placed, used);
  await writeContent(device, options, geometry, placed, onProgress);
  await device.sync();
}

async function writeTables(
  device: BlockDevice,
  options: Fat32Options,
  geometry: Geometry,
  placed: readonly Placed[],
  used: number,
): Promise<void> {
  const { sectorSize, fatSectors } = geometry;
  const reserved = new Uint8Array(RESERVED_SECTORS * sectorSize);
  for (const base of [0, BACKUP_BOOT_SECTOR]) {
    reserved.set(bootSector(options, geometry), base * sectorSize);
    reserved.set(freeSector(geometry, used), (base + 1) * sectorSize);
  }
  await device.write(options.offset, reserved);
  const table = encodeTable(placed, used);
  const fatBytes = fatSectors * sectorSize;
  for (let copy = 0; copy < FAT_COPIES; copy++) {
    const start = options.offset + reserved.length + copy * fatBytes;
    await device.write(start, table);
    await writeZeros(device, start + table.length, fatBytes - table.length);
  }
}

/** The beginning of the table, which is all of it that is not zero. */
function encodeTable(placed: readonly Placed[], used: number): Uint8Array {
  const table = new Uint8Array((FIRST_CLUSTER + used) * 4);
  const view = new DataView(table.buffer);
  view.setUint32(0, 0x0ffffff8, true);
  view.setUint32(4, END_OF_CHAIN, true);
  for (const { cluster, clusters } of placed) {
    for (let index = 0; index < clusters; index++) {
      const next = index === clusters - 1 ? END_OF_CHAIN : cluster + index + 1;
      view.setUint32((cluster + index) * 4, next, true);
    }
  }
  return table;
}

async function writeContent(
  device: BlockDevice,
  { offset }: Fat32Options,
  geometry: Geometry,
  placed: readonly Placed[],
  onProgress: (done: number) => void,
): Promise<void> {
  const { clusterBytes, dataStart, sectorSize } = geometry;
  let done = 0;
  for (const { cluster, clusters, path, source, isDirectory } of placed) {
    if (clusters === 0) continue;
    const data = offset + dataStart * sectorSize;
    const start = data + (cluster - FIRST_CLUSTER) * clusterBytes;
    await writeSource(device, start, source, path, (chunk) => {
      if (isDirectory) return;
      done += chunk.length;
      onProgress(done);
    });
    // The rest of the last cluster would show what was on the disk before.
    await writeZeros(device, start + source.size, clusters * clusterBytes - source.size);
  }
}
