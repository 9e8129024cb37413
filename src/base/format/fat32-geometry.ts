// How a FAT32 volume divides its space: sizes, and the sectors that record them.
import { FormatError } from "./format.ts";
import type { SectorSize } from "./gpt.ts";

/** What a volume is made from. */
export interface Fat32Options {
  /** Where it begins on the device, in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
  readonly sectorSize: SectorSize;
  /** At most 11 characters of ASCII. */
  readonly label: string;
  /** The volume's serial number, 32 bits. */
  readonly volumeId: number;
  /** The time that all files get; FAT knows none before 1980 nor a time zone. */
  readonly modified: Date;
}

/** Where things are in a volume, in sectors unless said otherwise. */
export interface Geometry {
  readonly sectorSize: SectorSize;
  readonly sectors: number;
  readonly sectorsPerCluster: number;
  readonly clusterBytes: number;
  readonly fatSectors: number;
  readonly dataStart: number;
  /** Number of clusters; they are counted from {@link FIRST_CLUSTER}. */
  readonly clusters: number;
}

/** The number of the first cluster; the two before it are flags. */
export const FIRST_CLUSTER = 2;
/** Sectors before the first table. */
export const RESERVED_SECTORS = 32;
/** Copies of the table. */
export const FAT_COPIES = 2;
/** Where the spare boot sector is. */
export const BACKUP_BOOT_SECTOR = 6;

// Readers tell FAT16 from FAT32 by the number of clusters alone.
const MIN_CLUSTERS = 65525;
const MAX_CLUSTERS = 0x0ffffff5;

const MIB = 1 << 20;

/** The smallest volume with the smallest clusters, with sectors of 512 bytes. */
export const MIN_VOLUME_BYTES = 34 * MIB;

/** Divides the space; throws where FAT32 cannot have that size. */
export function planGeometry({ size, sectorSize }: Fat32Options): Geometry {
  const sectors = Math.floor(size / sectorSize);
  const sectorsPerCluster = Math.max(1, preferredCluster(size) / sectorSize);
  const clusterBytes = sectorsPerCluster * sectorSize;
  // A table that also has entries for the sectors it takes itself is a little too large, never
  // too small.
  const fatSectors = Math.ceil(((sectors / sectorsPerCluster + FIRST_CLUSTER) * 4) / sectorSize);
  const dataStart = RESERVED_SECTORS + FAT_COPIES * fatSectors;
  const clusters = Math.floor((sectors - dataStart) / sectorsPerCluster);
  if (clusters < MIN_CLUSTERS) throw new FormatError(`${size} bytes are too few for FAT32`);
  if (clusters > MAX_CLUSTERS || sectors > 0xffffffff) {
    throw new FormatError(`${size} bytes are too many for FAT32`);
  }
  return {
    sectorSize,
    sectors,
    sectorsPerCluster,
    clusterBytes,
    fatSectors,
    dataStart,
    clusters,
  };
}

/** Cluster sizes that firmware vendors test with: those a usual formatter picks. */
function preferredCluster(size: number): number {
  if (size <= 260 * MIB) return 512;
  if (size <= 8192 * MIB) return 4096;
  if (size <= 16384 * MIB) return 8192;
  return size <= 32768 * MIB ? 16384 : 32768;
}

/** The first sector, which says where everything else is. */
export function bootSector(options: Fat32Options, geometry: Geometry): Uint8Array {
  const sector = new Uint8Array(geometry.sectorSize);
  const view = new DataView(sector.buffer);
  const ascii = new TextEncoder();
  sector.set([0xeb, 0x58, 0x90]);
  sector.set(ascii.encode("METROPOL"), 3);
  view.setUint16(11, geometry.sectorSize, true);
  sector[13] = geometry.sectorsPerCluster;
  view.setUint16(14, RESERVED_SECTORS, true);
  sector[16] = FAT_COPIES;
  sector[21] = 0xf8; // a fixed disk
  // Cylinders are long gone, yet some firmware refuses zeros here.
  view.setUint16(24, 63, true);
  view.setUint16(26, 255, true);
  view.setUint32(28, hiddenSectors(options), true);
  view.setUint32(32, geometry.sectors, true);
  view.setUint32(36, geometry.fatSectors, true);
  view.setUint32(44, FIRST_CLUSTER, true);
  view.setUint16(48, 1, true);
  view.setUint16(50, BACKUP_BOOT_SECTOR, true);
  sector[64] = 0x80;
  sector[66] = 0x29;
  view.setUint32(67, options.volumeId, true);
  sector.set(volumeLabel(options.label), 71);
  sector.set(ascii.encode("FAT32   "), 82);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** The sector that remembers how much is free. */
export function freeSector({ sectorSize, clusters }: Geometry, used: number): Uint8Array {
  const sector = new Uint8Array(sectorSize);
  const view = new DataView(sector.buffer);
  view.setUint32(0, 0x41615252, true);
  view.setUint32(484, 0x61417272, true);
  view.setUint32(488, clusters - used, true);
  view.setUint32(492, FIRST_CLUSTER + used, true);
  view.setUint32(508, 0xaa550000, true);
  return sector;
}

/** A volume label as it is stored: upper case, padded with blanks. */
export function volumeLabel(label: string): Uint8Array {
  if (!/^[A-Z0-9_-]{1,11}$/.test(label))
    throw new FormatError(`volume label ${label} is malformed`);
  return new TextEncoder().encode(label.padEnd(11));
}

function hiddenSectors({ offset, sectorSize }: Fat32Options): number {
  const hidden = offset / sectorSize;
  return hidden <= 0xffffffff ? hidden : 0;
}
