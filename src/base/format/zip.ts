// Reads zip archives without loading them: the list first, then any entry as a stream.
//
// The list at the end of the file is what counts; the headers before each entry only say where
// its content begins. Everything that could make two readers see two different archives
// (overlaps, double names, more than one list) is refused.
import { Inflate } from "fflate";
import type { BlockReader } from "./block-device.ts";
import { type ByteSource, CHUNK_BYTES } from "./byte-source.ts";
import { crc32 } from "./crc32.ts";
import { FormatError } from "./format.ts";
import { METHOD, parseList, type ZipRecord } from "./zip-list.ts";

/** A file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** In bytes, unpacked. */
  readonly size: number;
}

/** An archive whose list has been read and found sound. */
export interface ZipArchive {
  readonly entries: readonly ZipEntry[];
  /** The content of an entry; reading it throws a FormatError if the checksum is wrong. */
  source(name: string): ByteSource;
}

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;

/** Opens an archive; the reader must stay open as long as entries are read. */
export async function openZip(file: BlockReader): Promise<ZipArchive> {
  const { records, listOffset } = await parseList(file);
  const starts = await checkPlaces(file, records, listOffset);
  const known = new Map(records.map((record) => [record.name, record]));
  return {
    entries: records.map(({ name, size }) => ({ name, size })),
    source(name) {
      const record = known.get(name);
      const start = starts.get(name);
      if (record === undefined || start === undefined) {
        throw new FormatError(`${name}: not in the archive`);
      }
      return { size: record.size, stream: () => readEntry(file, record, start) };
    },
  };
}

/** Finds where each content begins, and that no two share bytes. */
async function checkPlaces(
  file: BlockReader,
  records: readonly ZipRecord[],
  listOffset: number,
): Promise<ReadonlyMap<string, number>> {
  const starts = new Map<string, number>();
  let end = 0;
  for (const record of records.toSorted((a, b) => a.offset - b.offset)) {
    if (record.offset < end) throw new FormatError(`${record.name}: overlaps another entry`);
    const start = await contentStart(file, record, listOffset);
    end = start + record.storedSize;
    if (end > listOffset) throw new FormatError(`${record.name}: reaches into the list`);
    starts.set(record.name, start);
  }
  return starts;
}

async function contentStart(
  file: BlockReader,
  { name, offset }: ZipRecord,
  listOffset: number,
): Promise<number> {
  if (offset + LOCAL_BYTES > listOffset) throw new FormatError(`${name}: is outside the archive`);
  const header = await file.read(offset, LOCAL_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (view.getUint32(0, true) !== LOCAL_SIGNATURE) throw new FormatError(`${name}: has no header`);
  return offset + LOCAL_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
}

async function* readEntry(
  file: BlockReader,
  record: ZipRecord,
  start: number,
): AsyncIterable<Uint8Array> {
  const stored = readStored(file, record, start);
  const content = record.method === METHOD.stored ? stored : inflate(stored, record);
  let sum = 0;
  let seen = 0;
  for await (const chunk of content) {
    seen += chunk.length;
    if (seen > record.size) break;
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (seen !== record.size) throw new FormatError(`${record.name}: is not as long as listed`);
  if (sum !== record.crc) throw new FormatError(`${record.name}: checksum is wrong`);
}

async function* readStored(
  file: BlockReader,
  { storedSize }: ZipRecord,
  start: number,
): AsyncIterable<Uint8Array> {
  for (let done = 0; done < storedSize; done += CHUNK_BYTES) {
    yield await file.read(start + done, Math.min(CHUNK_BYTES, storedSize - done));
  }
}

// Deflate makes up to 1032 bytes of one; small steps keep a bomb small until it is noticed.
const INFLATE_STEP = 16 << 10;

async function* inflate(
  stored: AsyncIterable<Uint8Array>,
  { name, storedSize }: ZipRecord,
): AsyncIterable<Uint8Array> {
  let ready: Uint8Array[] = [];
  const inflater = new Inflate((chunk) => ready.push(chunk));
  let left = storedSize;
  for await (const piece of stored) {
    for (let at = 0; at < piece.length; at += INFLATE_STEP) {
      const step = piece.subarray(at, at + INFLATE_STEP);
      left -= step.length;
      pushTo(inflater, step, left === 0, name);
      yield* ready;
      ready = [];
    }
  }
}

function pushTo(inflater: Inflate, step: Uint8Array, isLast: boolean, name: string): void {
  try {
    inflater.push(step, isLast);
  } catch (cause) {
    throw new FormatError(`${name}: compressed content is damaged`, { cause });
  }
}
