// Reading and writing at offsets: a disk, a file that stands for one, or plain memory.
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { type ByteSource, CHUNK_BYTES, exactly } from "./byte-source.ts";
import { FormatError } from "./format.ts";

/** Bytes that can be read at any offset. */
export interface BlockReader {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes; throws a FormatError where they would pass the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes that can be written too. */
export interface BlockDevice extends BlockReader {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Returns when everything written before is on the medium. */
  sync(): Promise<void>;
}

/** A block device that holds something open. */
export interface OpenDevice extends BlockDevice, AsyncDisposable {}

/** Reading or writing failed for what is below: no room, a broken medium. The cause tells. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** How to open a {@link fileDevice}. */
export interface OpenOptions {
  /** What errors call it; default is the path. */
  readonly name?: string;
  /** `create` makes a new file and refuses an old one. Default: `read`. */
  readonly mode?: "read" | "write" | "create";
  /**
   * In bytes; default is the file's own length.
   *
   * Needed for nodes in /dev, whose length as files is zero. A new file gets this length,
   * without using space until it is written.
   */
  readonly size?: number;
  /** Rights of a new file; default is that others may read it. */
  readonly rights?: number;
}

const FLAGS = {
  read: constants.O_RDONLY,
  // Without O_CREAT, O_EXCL is about block devices: Linux refuses one that is mounted or part of
  // something, and files do not mind.
  write: constants.O_RDWR | constants.O_EXCL,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

/** Opens a file or a block device node. */
export async function fileDevice(path: string, options: OpenOptions = {}): Promise<OpenDevice> {
  const { mode = "read", name = path, rights = 0o644 } = options;
  const file = await open(path, FLAGS[mode], rights);
  try {
    if (mode === "create" && options.size !== undefined) await file.truncate(options.size);
    const size = options.size ?? (await stat(path)).size;
    return openDevice(file, name, size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function openDevice(file: FileHandle, name: string, size: number): OpenDevice {
  return {
    size,
    async read(offset, length) {
      checkRange(name, size, offset, length);
      return readFully(file, name, offset, length);
    },
    async write(offset, bytes) {
      checkRange(name, size, offset, bytes.length);
      await named(`write ${name}`, writeFully(file, offset, bytes));
    },
    sync: () => named(`write ${name}`, file.sync()),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** The kernel's errors name the call only. */
async function named<R>(attempt: string, work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (cause) {
    throw new DeviceError(attempt, { cause });
  }
}

/** A device in memory, for tests and for tables that are small. */
export function memoryDevice(
  size: number,
  content: Uint8Array = new Uint8Array(size),
): BlockDevice {
  return {
    size,
    async read(offset, length) {
      checkRange("memory", size, offset, length);
      return content.slice(offset, offset + length);
    },
    async write(offset, bytes) {
      checkRange("memory", size, offset, bytes.length);
      content.set(bytes, offset);
    },
    async sync() {},
  };
}

/** Writes all of a source from `offset` on; `onChunk` sees each piece once it is written. */
export async function writeSource(
  device: BlockDevice,
  offset: number,
  source: ByteSource,
  what: string,
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<void> {
  let at = offset;
  for await (const chunk of exactly(source, what)) {
    await device.write(at, chunk);
    at += chunk.length;
    onChunk(chunk);
  }
}

/** Writes zeros. */
export async function writeZeros(
  device: BlockDevice,
  offset: number,
  length: number,
): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, CHUNK_BYTES));
  for (let done = 0; done < length; done += zeros.length) {
    await device.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

/** A part of a device as a source of its own. */
export function deviceSource(device: BlockReader, offset: number, size: number): ByteSource {
  return {
    size,
    async *stream() {
      for (let done = 0; done < size; done += CHUNK_BYTES) {
        yield await device.read(offset + done, Math.min(CHUNK_BYTES, size - done));
      }
    },
  };
}

function checkRange(what: string, size: number, offset: number, length: number): void {
  const isSound = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (isSound && offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new FormatError(`${what}: ${length} bytes at ${offset} are outside its ${size} bytes`);
}

async function readFully(
  file: FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const reading = file.read(bytes, done, length - done, offset + done);
    const { bytesRead } = await named(`read ${name}`, reading);
    if (bytesRead === 0) throw new FormatError(`${name}: ends before byte ${offset + length}`);
    done += bytesRead;
  }
  return bytes;
}

async function writeFully(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
