// Writing, growing and removing GUID partition tables.
//
// The order of writes is part of the contract: a disk that was wiped first becomes bootable with
// the very last write, the protective MBR, without which firmware does not look for a table.
import { type BlockDevice, writeZeros } from "./block-device.ts";
import { crc32 } from "./crc32.ts";
import { FormatError } from "./format.ts";
import {
  checkOverlap,
  ENTRY_BYTES,
  ENTRY_COUNT,
  HEADER_BYTES,
  type Partition,
  type PartitionTable,
  REVISION,
  type SectorSize,
  SIGNATURE,
  tableBytes,
  usableRange,
} from "./gpt.ts";
import { NIL_GUID, parseGuid } from "./guid.ts";

const NAME_UNITS = 36;

/** Behind them, in the first sector, begins what belongs to old-style tables. */
const BOOT_CODE_BYTES = 440;

/** Where one of the two copies goes, in sectors. */
interface Place {
  readonly header: number;
  readonly entries: number;
  readonly other: number;
}

/**
 * Writes a table: backup, then primary, then the protective MBR, each on the medium before the
 * next begins.
 */
export async function writeGpt(disk: BlockDevice, table: PartitionTable): Promise<void> {
  const { sectorSize } = table;
  checkTable(disk.size, table);
  const last = Math.floor(disk.size / sectorSize) - 1;
  const entries = encodeEntries(table);
  const backupEntries = last - entries.length / sectorSize;
  await writeCopy(disk, table, entries, { header: last, entries: backupEntries, other: 1 });
  await writeCopy(disk, table, entries, { header: 1, entries: 2, other: last });
  await disk.write(0, protectiveMbr(last, table));
  await disk.sync();
}

/**
 * Makes a disk one without a table, whatever the size of its sectors was.
 *
 * The first sector goes first: from then on firmware does not see the old system, so nothing
 * boots from a disk that is half wiped.
 */
export async function wipeGpt(disk: BlockDevice): Promise<void> {
  const ends = Math.min(1 << 20, Math.floor(disk.size / 2));
  await writeZeros(disk, 0, Math.min(4096, ends));
  await disk.sync();
  await writeZeros(disk, 0, ends);
  await writeZeros(disk, disk.size - ends, ends);
  await disk.sync();
}

function checkTable(diskBytes: number, { sectorSize, partitions, bootCode }: PartitionTable): void {
  const { start, end } = usableRange(diskBytes, sectorSize);
  if (end <= start) throw new FormatError(`a disk of ${diskBytes} bytes has no room for a table`);
  if (partitions.length > ENTRY_COUNT) throw new FormatError("too many partitions");
  if ((bootCode?.length ?? 0) > BOOT_CODE_BYTES) throw new FormatError("boot code is too long");
  for (const { name, offset, size, type } of partitions) {
    if (offset % sectorSize !== 0 || size % sectorSize !== 0) {
      throw new FormatError(`partition ${name} is not made of whole sectors`);
    }
    if (size <= 0 || offset < start || offset + size > end) {
      throw new FormatError(`partition ${name} is outside of the disk`);
    }
    if (name.length > NAME_UNITS) throw new FormatError(`partition name ${name} is too long`);
    if (type === NIL_GUID) throw new FormatError(`partition ${name} has no type`);
  }
  checkOverlap(partitions);
}

async function writeCopy(
  disk: BlockDevice,
  table: PartitionTable,
  entries: Uint8Array,
  place: Place,
): Promise<void> {
  // Without its header a table does not count, so the entries get there first.
  await disk.write(place.entries * table.sectorSize, entries);
  await disk.sync();
  const header = encodeHeader(disk.size, table, crc32(entries), place);
  await disk.write(place.header * table.sectorSize, header);
  await disk.sync();
}

function encodeHeader(
  diskBytes: number,
  { diskId, sectorSize }: PartitionTable,
  entriesCrc: number,
  { header, other, entries }: Place,
): Uint8Array {
  const { start, end } = usableRange(diskBytes, sectorSize);
  const sector = new Uint8Array(sectorSize);
  const view = new DataView(sector.buffer);
  sector.set(new TextEncoder().encode(SIGNATURE));
  view.setUint32(8, REVISION, true);
  view.setUint32(12, HEADER_BYTES, true);
  view.setBigUint64(24, BigInt(header), true);
  view.setBigUint64(32, BigInt(other), true);
  view.setBigUint64(40, BigInt(start / sectorSize), true);
  view.setBigUint64(48, BigInt(end / sectorSize - 1), true);
  sector.set(parseGuid(diskId), 56);
  view.setBigUint64(72, BigInt(entries), true);
  view.setUint32(80, ENTRY_COUNT, true);
  view.setUint32(84, ENTRY_BYTES, true);
  view.setUint32(88, entriesCrc, true);
  view.setUint32(16, crc32(sector.subarray(0, HEADER_BYTES)), true);
  return sector;
}

function encodeEntries({ partitions, sectorSize }: PartitionTable): Uint8Array {
  const entries = new Uint8Array(tableBytes(sectorSize) - sectorSize);
  for (const [index, partition] of partitions.entries()) {
    entries.set(encodeEntry(partition, sectorSize), index * ENTRY_BYTES);
  }
  return entries;
}

function encodeEntry(partition: Partition, sectorSize: SectorSize): Uint8Array {
  const { type, id, name, offset, size, attributes = 0n } = partition;
  const entry = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(entry.buffer);
  entry.set(parseGuid(type));
  entry.set(parseGuid(id), 16);
  view.setBigUint64(32, BigInt(offset / sectorSize), true);
  view.setBigUint64(40, BigInt((offset + size) / sectorSize - 1), true);
  view.setBigUint64(48, attributes, true);
  for (let unit = 0; unit < name.length; unit++) {
    view.setUint16(56 + unit * 2, name.charCodeAt(unit), true);
  }
  return entry;
}

/** An old-style table that says "all of this disk is taken", as GPT demands. */
function protectiveMbr(
  lastSector: number,
  { sectorSize, bootCode = new Uint8Array() }: PartitionTable,
): Uint8Array {
  const sector = new Uint8Array(sectorSize);
  sector.set(bootCode);
  const view = new DataView(sector.buffer);
  // Cylinder, head and sector numbers of sector 1 and of "too far to say".
  sector.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  view.setUint32(454, 1, true);
  view.setUint32(458, Math.min(lastSector, 0xffffffff), true);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
