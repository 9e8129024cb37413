// GUID partition tables: what a table is, and reading one from a disk.
//
// A table is kept twice. The primary copy follows the first sector, the backup ends the disk:
//
//   | protective MBR | header | entries |   partitions ...   | entries | header |
//
// gpt-writer.ts writes one. Byte offsets are used throughout, because sectors have two sizes.
import type { BlockReader } from "./block-device.ts";
import { crc32 } from "./crc32.ts";
import { FormatError } from "./format.ts";
import { formatGuid, NIL_GUID } from "./guid.ts";

/** Sizes of sectors that disks have. */
export type SectorSize = 512 | 4096;

/** One partition. */
export interface Partition {
  /** GUID of what it is for. */
  readonly type: string;
  /** GUID of this one; what Linux calls PARTUUID. */
  readonly id: string;
  /** At most 36 characters. */
  readonly name: string;
  /** In bytes from the start of the disk, a multiple of the sector size. */
  readonly offset: number;
  /** In bytes, a multiple of the sector size. */
  readonly size: number;
  /** Attribute bits; none if absent. */
  readonly attributes?: bigint;
}

/** What a partition table says. */
export interface PartitionTable {
  readonly diskId: string;
  readonly sectorSize: SectorSize;
  readonly partitions: readonly Partition[];
  /**
   * What a legacy BIOS runs when it is told to start from the disk, at most 440 bytes; UEFI does
   * not look at it. Not given by `readGpt`.
   */
  readonly bootCode?: Uint8Array;
}

/** A table that was read, and which copy it is from. */
export interface ReadTable extends PartitionTable {
  readonly source: "primary" | "backup";
}

/** Fields of a header, in bytes or counts. */
interface Header {
  readonly diskId: string;
  readonly entriesLba: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
  readonly firstUsable: number;
  readonly lastUsable: number;
}

/** First bytes of a header. */
export const SIGNATURE = "EFI PART";
/** Version 1.0, the only one there is. */
export const REVISION = 0x00010000;
/** Length of the header we write; others may be longer. */
export const HEADER_BYTES = 92;
/** Length of an entry we write. */
export const ENTRY_BYTES = 128;
/** Entries we write room for; the standard's minimum. */
export const ENTRY_COUNT = 128;

/** Far more than any table in use has; keeps a forged header from costing memory. */
const MAX_ENTRIES_BYTES = 1 << 20;

/** Bytes at either end of a disk that a table takes: header and entries, in whole sectors. */
export function tableBytes(sectorSize: SectorSize): number {
  return sectorSize + Math.ceil((ENTRY_COUNT * ENTRY_BYTES) / sectorSize) * sectorSize;
}

/** The part of a disk that partitions may use. */
export function usableRange(diskBytes: number, sectorSize: SectorSize) {
  const sectors = Math.floor(diskBytes / sectorSize) * sectorSize;
  return { start: sectorSize + tableBytes(sectorSize), end: sectors - tableBytes(sectorSize) };
}

/**
 * Reads a disk's table from the primary copy, or from the backup if that one is damaged.
 *
 * Throws a FormatError with both reasons where neither copy is whole.
 */
export async function readGpt(disk: BlockReader, sectorSize: SectorSize): Promise<ReadTable> {
  const sectors = Math.floor(disk.size / sectorSize);
  try {
    return { ...(await readCopy(disk, sectorSize, 1)), source: "primary" };
  } catch (primary) {
    if (!(primary instanceof FormatError)) throw primary;
    try {
      return { ...(await readCopy(disk, sectorSize, sectors - 1)), source: "backup" };
    } catch (backup) {
      if (!(backup instanceof FormatError)) throw backup;
      const reasons = `${primary.message}; backup: ${backup.message}`;
      throw new FormatError(`no partition table: ${reasons}`, { cause: primary });
    }
  }
}

async function readCopy(
  disk: BlockReader,
  sectorSize: SectorSize,
  lba: number,
): Promise<PartitionTable> {
  const header = parseHeader(await disk.read(lba * sectorSize, sectorSize), lba);
  const diskSectors = Math.floor(disk.size / sectorSize);
  if (header.lastUsable >= diskSectors) throw new FormatError("table is for a larger disk");
  const entries = await disk.read(
    header.entriesLba * sectorSize,
    header.entryCount * header.entryBytes,
  );
  if (crc32(entries) !== header.entriesCrc) throw new FormatError("entries: checksum is wrong");
  const partitions = parseEntries(entries, header, sectorSize);
  checkOverlap(partitions);
  return { diskId: header.diskId, sectorSize, partitions };
}

function parseHeader(sector: Uint8Array, lba: number): Header {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length);
  const signature = new TextDecoder("latin1").decode(sector.subarray(0, 8));
  if (signature !== SIGNATURE) throw new FormatError("header: no signature");
  if (view.getUint32(8, true) !== REVISION) throw new FormatError("header: unknown revision");
  const length = view.getUint32(12, true);
  if (length < HEADER_BYTES || length > sector.length) {
    throw new FormatError(`header: length ${length} is impossible`);
  }
  const checked = sector.slice(0, length);
  checked.fill(0, 16, 20);
  if (crc32(checked) !== view.getUint32(16, true)) {
    throw new FormatError("header: checksum is wrong");
  }
  if (lbaAt(view, 24) !== lba) throw new FormatError("header: is not at its own place");
  const header = {
    firstUsable: lbaAt(view, 40),
    lastUsable: lbaAt(view, 48),
    diskId: formatGuid(sector, 56),
    entriesLba: lbaAt(view, 72),
    entryCount: view.getUint32(80, true),
    entryBytes: view.getUint32(84, true),
    entriesCrc: view.getUint32(88, true),
  };
  checkEntrySize(header);
  return header;
}

function checkEntrySize({ entryCount, entryBytes }: Header): void {
  const isPowerOfTwo = (entryBytes & (entryBytes - 1)) === 0;
  if (entryBytes < ENTRY_BYTES || !isPowerOfTwo || entryCount * entryBytes > MAX_ENTRIES_BYTES) {
    throw new FormatError(`header: ${entryCount} entries of ${entryBytes} bytes are impossible`);
  }
}

/** A 64-bit sector number; no real disk has one that a double cannot hold. */
function lbaAt(view: DataView, offset: number): number {
  const lba = view.getBigUint64(offset, true);
  // Headroom for the multiplication by the sector size.
  if (lba > BigInt(Number.MAX_SAFE_INTEGER) >> 12n) {
    throw new FormatError(`sector number ${lba} is impossible`);
  }
  return Number(lba);
}

function parseEntries(
  entries: Uint8Array,
  header: Header,
  sectorSize: SectorSize,
): readonly Partition[] {
  const partitions: Partition[] = [];
  for (let index = 0; index < header.entryCount; index++) {
    const start = index * header.entryBytes;
    const entry = entries.subarray(start, start + header.entryBytes);
    if (formatGuid(entry) === NIL_GUID) continue;
    partitions.push(parseEntry(entry, header, sectorSize, index + 1));
  }
  return partitions;
}

function parseEntry(
  entry: Uint8Array,
  header: Header,
  sectorSize: SectorSize,
  number: number,
): Partition {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  const first = lbaAt(view, 32);
  const last = lbaAt(view, 40);
  if (first < header.firstUsable || last > header.lastUsable || first > last) {
    throw new FormatError(`partition ${number}: sectors ${first} to ${last} are impossible`);
  }
  const name = new TextDecoder("utf-16le").decode(entry.subarray(56, ENTRY_BYTES));
  return {
    type: formatGuid(entry),
    id: formatGuid(entry, 16),
    name: name.replace(/\0.*$/s, ""),
    offset: first * sectorSize,
    size: (last - first + 1) * sectorSize,
    attributes: view.getBigUint64(48, true),
  };
}

/** Throws if two partitions share bytes. */
export function checkOverlap(partitions: readonly Partition[]): void {
  const sorted = partitions.toSorted((a, b) => a.offset - b.offset);
  for (const [index, next] of sorted.entries()) {
    const previous = sorted[index - 1];
    if (previous !== undefined && previous.offset + previous.size > next.offset) {
      throw new FormatError(`partitions ${previous.name} and ${next.name} overlap`);
    }
  }
}
