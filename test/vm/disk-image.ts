// A machine's disk as a file, while the machine is off: where things are on it,
// changing one byte, and looking for bytes anywhere.
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { fileDevice } from "../../src/base/format/block-device.ts";
import { readGpt } from "../../src/base/format/gpt.ts";
import { PARTITION_NAME, type PartitionRole } from "../../src/image/image.ts";

const CHUNK_BYTES = 16 * 2 ** 20;

/** Bytes of a file, from an offset on. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** Raised when a disk does not hold what a test wants to work on. */
class DiskImageError extends Error {
  override readonly name = "DiskImageError";
}

/** Where a partition lies. */
export async function partitionOf(file: string, role: PartitionRole): Promise<Range> {
  await using disk = await fileDevice(file);
  const { partitions } = await readGpt(disk, 512);
  const found = partitions.find(({ name }) => name === PARTITION_NAME[role]);
  if (found === undefined) throw new DiskImageError(`${file}: no partition ${role}`);
  return found;
}

/** Turns one bit of one byte around. */
export function changeByte(file: string, offset: number): void {
  const descriptor = openSync(file, "r+");
  try {
    const byte = new Uint8Array(1);
    readSync(descriptor, byte, 0, 1, offset);
    writeSync(descriptor, Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  } finally {
    closeSync(descriptor);
  }
}

/** Bytes of the file, from an offset on. */
export function bytesAt(file: string, offset: number, length: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(length);
    readSync(descriptor, bytes, 0, length, offset);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Writes bytes over what is there. */
export function writeBytes(file: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, "r+");
  try {
    writeSync(descriptor, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(descriptor);
  }
}

/** Every place within `range` (the whole file if absent) at which one of `needles` begins. */
export function findBytes(
  file: string,
  needles: readonly Uint8Array[],
  range?: Range,
): readonly number[] {
  const longest = Math.max(...needles.map(({ length }) => length));
  const places = new Set<number>();
  for (const { bytes, offset } of windows(file, longest, range)) {
    for (const needle of needles) {
      for (const place of placesIn(bytes, needle)) places.add(offset + place);
    }
  }
  return [...places].sort((a, b) => a - b);
}

function* placesIn(bytes: Buffer, needle: Uint8Array): Generator<number> {
  let place = bytes.indexOf(needle);
  while (place >= 0) {
    yield place;
    place = bytes.indexOf(needle, place + 1);
  }
}

/** The file in pieces that overlap, so that nothing hides on a border. */
export function* windows(file: string, overlap: number, range?: Range) {
  const descriptor = openSync(file, "r");
  try {
    const start = range?.offset ?? 0;
    const end = start + (range?.size ?? fstatSync(descriptor).size - start);
    for (let offset = start; offset < end; offset += CHUNK_BYTES) {
      const bytes = Buffer.alloc(Math.min(CHUNK_BYTES + overlap, end - offset));
      const count = readSync(descriptor, bytes, 0, bytes.length, offset);
      yield { bytes: bytes.subarray(0, count), offset };
    }
  } finally {
    closeSync(descriptor);
  }
}
