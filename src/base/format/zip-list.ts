// The list at the end of a zip archive: finding it, reading it, refusing what is not safe.
import type { BlockReader } from "./block-device.ts";
import { FormatError } from "./format.ts";

/** How an entry is compressed. */
export const METHOD = { stored: 0, deflated: 8 } as const;

/** An entry as listed. */
export interface ZipRecord {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  /** Bytes in the archive. */
  readonly storedSize: number;
  /** Bytes unpacked. */
  readonly size: number;
  /** Where its own header begins. */
  readonly offset: number;
}

/** The list, and where it begins: nothing of an entry may be beyond. */
export interface ZipList {
  readonly records: readonly ZipRecord[];
  readonly listOffset: number;
}

/** Where the end record says the list is. */
interface End {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const RECORD_SIGNATURE = 0x02014b50;
const RECORD_BYTES = 46;
const ZIP64_FIELD = 0x0001;
const FLAG_ENCRYPTED = 0x0001 | 0x0040;
const FILLED_16 = 0xffff;
const FILLED_32 = 0xffffffff;

/** Our archives list five files; a forged list shall cost neither memory nor time. */
const MAX_LIST_BYTES = 1 << 20;

/** Finds and reads the list of an archive. */
export async function parseList(file: BlockReader): Promise<ZipList> {
  const { end, at } = await findEnd(file);
  if (end.size > MAX_LIST_BYTES) throw new FormatError("zip: list is too long");
  if (end.offset + end.size > at) throw new FormatError("zip: list is outside the archive");
  const bytes = await file.read(end.offset, end.size);
  const records: ZipRecord[] = [];
  let position = 0;
  while (position < bytes.length) {
    const { record, length } = parseRecord(bytes.subarray(position));
    position += length;
    // Directories hold nothing and are not needed to find a file.
    if (!record.name.endsWith("/")) records.push(record);
    if (records.length > end.count) break;
  }
  checkNames(records);
  if (records.length > end.count) throw new FormatError("zip: list is longer than announced");
  return { records, listOffset: end.offset };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The end record, the 64-bit one where there is one; `at` is where the list has to be over. */
async function findEnd(file: BlockReader): Promise<{ end: End; at: number }> {
  const length = Math.min(file.size, END_BYTES + MAX_COMMENT);
  const tailOffset = file.size - length;
  const tail = await file.read(tailOffset, length);
  const view = viewOf(tail);
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue;
    // A comment may hold the signature by chance, but not one with a length that fits.
    if (at + END_BYTES + view.getUint16(at + 20, true) !== length) continue;
    return readEnd(file, tail.subarray(at), tailOffset + at);
  }
  throw new FormatError("zip: no list at the end; not a zip archive, or cut short");
}

async function readEnd(file: BlockReader, record: Uint8Array, at: number) {
  const view = viewOf(record);
  const end = {
    count: view.getUint16(10, true),
    size: view.getUint32(12, true),
    offset: view.getUint32(16, true),
  };
  if (view.getUint16(4, true) !== view.getUint16(6, true)) {
    throw new FormatError("zip: archives in several parts are not supported");
  }
  const isLarge = end.count === FILLED_16 || end.size === FILLED_32 || end.offset === FILLED_32;
  return isLarge ? readEnd64(file, at) : { end, at };
}

async function readEnd64(file: BlockReader, endOffset: number): Promise<{ end: End; at: number }> {
  if (endOffset < LOCATOR_BYTES) throw new FormatError("zip: no room for a 64-bit list");
  const locator = viewOf(await file.read(endOffset - LOCATOR_BYTES, LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== LOCATOR_SIGNATURE) {
    throw new FormatError("zip: the 64-bit list is missing");
  }
  const at = numberAt(locator, 8);
  const view = viewOf(await file.read(at, END64_BYTES));
  if (view.getUint32(0, true) !== END64_SIGNATURE) {
    throw new FormatError("zip: the 64-bit list is not where it should be");
  }
  const end = { count: numberAt(view, 32), size: numberAt(view, 40), offset: numberAt(view, 48) };
  return { end, at };
}

function numberAt(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError("zip: a size is impossible");
  return Number(value);
}

function parseRecord(bytes: Uint8Array): { record: ZipRecord; length: number } {
  const view = viewOf(bytes);
  if (bytes.length < RECORD_BYTES || view.getUint32(0, true) !== RECORD_SIGNATURE) {
    throw new FormatError("zip: list is damaged");
  }
  const nameEnd = RECORD_BYTES + view.getUint16(28, true);
  const extraEnd = nameEnd + view.getUint16(30, true);
  const length = extraEnd + view.getUint16(32, true);
  if (length > bytes.length) throw new FormatError("zip: list is cut short");
  const name = decodeName(bytes.subarray(RECORD_BYTES, nameEnd));
  checkSupported(view, name);
  const large = zip64Field(bytes.subarray(nameEnd, extraEnd), name);
  const record = {
    name,
    method: view.getUint16(10, true),
    crc: view.getUint32(16, true),
    // The order of these three is that of the 64-bit field, which lists only what is needed.
    size: widen(view.getUint32(24, true), large, name),
    storedSize: widen(view.getUint32(20, true), large, name),
    offset: widen(view.getUint32(42, true), large, name),
  };
  if (record.method === METHOD.stored && record.size !== record.storedSize) {
    throw new FormatError(`${name}: has two sizes`);
  }
  return { record, length };
}

function checkSupported(view: DataView, name: string): void {
  if ((view.getUint16(8, true) & FLAG_ENCRYPTED) !== 0) {
    throw new FormatError(`${name}: is encrypted`);
  }
  const method = view.getUint16(10, true);
  if (method !== METHOD.stored && method !== METHOD.deflated) {
    throw new FormatError(`${name}: is compressed by unknown method ${method}`);
  }
}

/** The 64-bit sizes of a record, to be taken one after the other. */
function zip64Field(extra: Uint8Array, name: string): number[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    const end = at + 4 + length;
    if (end > extra.length) throw new FormatError(`${name}: list entry is damaged`);
    if (view.getUint16(at, true) === ZIP64_FIELD) {
      const count = Math.floor(length / 8);
      return Array.from({ length: count }, (_, index) => numberAt(view, at + 4 + index * 8));
    }
    at = end;
  }
  return [];
}

function widen(value: number, large: number[], name: string): number {
  if (value !== FILLED_32) return value;
  const next = large.shift();
  if (next === undefined) throw new FormatError(`${name}: its 64-bit size is missing`);
  return next;
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError("zip: a file name is not UTF-8", { cause });
  }
}

/** Refuses names that would lead out of a folder they are unpacked into, and doubles. */
function checkNames(records: readonly ZipRecord[]): void {
  const seen = new Set<string>();
  for (const { name } of records) {
    const steps = name.split("/");
    if (steps.some((step) => step === "" || step === "." || step === "..") || /[\\\0]/.test(name)) {
      throw new FormatError(`zip: file name ${JSON.stringify(name)} is not safe`);
    }
    if (seen.has(name)) throw new FormatError(`${name}: is listed twice`);
    seen.add(name);
  }
}
