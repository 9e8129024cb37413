// ELF files, as far as needed to know which libraries a program is linked with.
import { FormatError } from "./format.ts";

const MAGIC = 0x464c457f;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

/** Whether bytes begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 64 && viewOf(bytes).getUint32(0, true) === MAGIC;
}

/**
 * The names of the libraries that a 64-bit little-endian program or library is linked with; none if
 * it is static. Throws a {@link FormatError} on a damaged file.
 */
export function neededLibraries(bytes: Uint8Array): readonly string[] {
  if (!isElf(bytes) || bytes[4] !== 2 || bytes[5] !== 1) {
    throw new FormatError("elf: not a 64-bit little-endian file");
  }
  try {
    return readNeeded(bytes);
  } catch (error) {
    // DataView reports an offset beyond the file as a RangeError.
    if (error instanceof RangeError) throw new FormatError("elf: cut short", { cause: error });
    throw error;
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function readNeeded(bytes: Uint8Array): readonly string[] {
  const view = viewOf(bytes);
  const segments = readSegments(view);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const entries: (readonly [tag: bigint, value: number])[] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    entries.push([view.getBigInt64(at, true), Number(view.getBigUint64(at + 8, true))]);
  }
  const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1];
  if (address === undefined) return [];
  const strings = fileOffset(segments, address);
  return entries
    .filter(([tag]) => tag === DT_NEEDED)
    .map(([, offset]) => readString(bytes, strings + offset));
}

function readSegments(view: DataView): readonly Segment[] {
  const table = Number(view.getBigUint64(32, true));
  const entrySize = view.getUint16(54, true);
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = table + index * entrySize;
    return {
      type: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 8, true)),
      address: Number(view.getBigUint64(at + 16, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
}

/** Where an address of the loaded program lies in its file. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size,
  );
  if (segment === undefined) throw new FormatError("elf: string table is in no segment");
  return address - segment.address + segment.offset;
}

function readString(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  if (end === -1) throw new FormatError("elf: string without an end");
  return new TextDecoder().decode(bytes.subarray(start, end));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
