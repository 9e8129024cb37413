// Writes zip archives whose entries are stored as they are.
//
// Our files are compressed already, and a stored entry can be read at any offset. The same files
// in the same order give the same bytes: no times, no owners.
import { type BlockDevice, writeSource } from "./block-device.ts";
import type { ByteSource } from "./byte-source.ts";
import { crc32 } from "./crc32.ts";
import { FormatError } from "./format.ts";

/** A file to put into an archive. */
export interface ZipInput {
  readonly name: string;
  readonly source: ByteSource;
}

interface Written {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

const LIMIT_16 = 0xffff;
const LIMIT_32 = 0xffffffff;
const UTF8_NAMES = 0x0800;
// 1980-01-01, the first day that the format knows.
const NO_DATE = 0x0021;
const VERSION = 20;
const VERSION_64 = 45;

/** How long the archive of these files becomes; the device for it must have this size. */
export function zipSize(inputs: readonly ZipInput[]): number {
  let offset = 0;
  const written: Written[] = [];
  for (const { name, source } of inputs) {
    const entry = { name: encodeName(name), size: source.size, crc: 0, offset };
    offset += localHeader(entry).length + source.size;
    written.push(entry);
  }
  return offset + encodeList(written, offset).length;
}

/**
 * Writes an archive to the beginning of a device and syncs it.
 *
 * `onChunk` gets each piece of content once it is written.
 */
export async function writeZip(
  device: BlockDevice,
  inputs: readonly ZipInput[],
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<void> {
  if (new Set(inputs.map(({ name }) => name)).size !== inputs.length) {
    throw new FormatError("zip: two files have the same name");
  }
  let offset = 0;
  const written: Written[] = [];
  for (const { name, source } of inputs) {
    const entry = { name: encodeName(name), size: source.size, crc: 0, offset };
    const start = offset + localHeader(entry).length;
    let crc = 0;
    await writeSource(device, start, source, name, (chunk) => {
      crc = crc32(chunk, crc);
      onChunk(chunk);
    });
    // The header holds the checksum, which is known only now.
    await device.write(offset, localHeader({ ...entry, crc }));
    written.push({ ...entry, crc });
    offset = start + source.size;
  }
  await device.write(offset, encodeList(written, offset));
  await device.sync();
}

function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length > LIMIT_16) {
    throw new FormatError(`zip: file name ${JSON.stringify(name)} is too long or empty`);
  }
  return bytes;
}

function localHeader({ name, size, crc }: Written): Uint8Array {
  const extra = size >= LIMIT_32 ? zip64Field(size, size) : new Uint8Array();
  const header = new Uint8Array(30 + name.length + extra.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x04034b50, true);
  view.setUint16(4, extra.length > 0 ? VERSION_64 : VERSION, true);
  setCommon(view, 6, { name, size, crc }, extra);
  header.set(name, 30);
  header.set(extra, 30 + name.length);
  return header;
}

function listRecord({ name, size, crc, offset }: Written): Uint8Array {
  const large = [
    ...(size >= LIMIT_32 ? [size, size] : []),
    ...(offset >= LIMIT_32 ? [offset] : []),
  ];
  const extra = large.length > 0 ? zip64Field(...large) : new Uint8Array();
  const record = new Uint8Array(46 + name.length + extra.length);
  const view = new DataView(record.buffer);
  const version = extra.length > 0 ? VERSION_64 : VERSION;
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, version, true);
  view.setUint16(6, version, true);
  setCommon(view, 8, { name, size, crc }, extra);
  view.setUint32(42, Math.min(offset, LIMIT_32), true);
  record.set(name, 46);
  record.set(extra, 46 + name.length);
  return record;
}

/** The fields that both kinds of header have in the same order. */
function setCommon(
  view: DataView,
  at: number,
  { name, size, crc }: Omit<Written, "offset">,
  extra: Uint8Array,
): void {
  view.setUint16(at, UTF8_NAMES, true);
  view.setUint16(at + 6, NO_DATE, true);
  view.setUint32(at + 8, crc, true);
  view.setUint32(at + 12, Math.min(size, LIMIT_32), true);
  view.setUint32(at + 16, Math.min(size, LIMIT_32), true);
  view.setUint16(at + 20, name.length, true);
  view.setUint16(at + 22, extra.length, true);
}

function zip64Field(...sizes: readonly number[]): Uint8Array {
  const field = new Uint8Array(4 + sizes.length * 8);
  const view = new DataView(field.buffer);
  view.setUint16(0, 0x0001, true);
  view.setUint16(2, sizes.length * 8, true);
  for (const [index, size] of sizes.entries()) {
    view.setBigUint64(4 + index * 8, BigInt(size), true);
  }
  return field;
}

function encodeList(written: readonly Written[], offset: number): Uint8Array {
  const records = written.map(listRecord);
  const size = records.reduce((sum, { length }) => sum + length, 0);
  const isLarge = written.length >= LIMIT_16 || size >= LIMIT_32 || offset >= LIMIT_32;
  const end64 = isLarge ? [encodeEnd64(written.length, size, offset)] : [];
  return new Uint8Array(
    Buffer.concat([...records, ...end64, encodeEnd(written.length, size, offset)]),
  );
}

function encodeEnd64(count: number, size: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(76);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, 44n, true);
  view.setUint16(12, VERSION_64, true);
  view.setUint16(14, VERSION_64, true);
  view.setBigUint64(24, BigInt(count), true);
  view.setBigUint64(32, BigInt(count), true);
  view.setBigUint64(40, BigInt(size), true);
  view.setBigUint64(48, BigInt(offset), true);
  // The locator, which tells where the above begins.
  view.setUint32(56, 0x07064b50, true);
  view.setBigUint64(64, BigInt(offset + size), true);
  view.setUint32(72, 1, true);
  return bytes;
}

function encodeEnd(count: number, size: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(22);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, Math.min(count, LIMIT_16), true);
  view.setUint16(10, Math.min(count, LIMIT_16), true);
  view.setUint32(12, Math.min(size, LIMIT_32), true);
  view.setUint32(16, Math.min(offset, LIMIT_32), true);
  return bytes;
}
