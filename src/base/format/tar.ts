// tar archives (ustar) of a few plain files, written and read as streams. What is read must be
// what is written here, byte for byte: one way to say each thing, and no room for another.
import { FormatError } from "./format.ts";

const BLOCK = 512;
/** Eleven octal digits. */
const MAX_BYTES = 8 ** 11 - 1;

/** What ends an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

/**
 * One file of an archive.
 *
 * Throws a {@link FormatError} when there is more or less of it than was said.
 */
export async function* tarFile(
  name: string,
  bytes: number,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield header(name, bytes);
  let written = 0;
  for await (const part of content) {
    written += part.length;
    if (written > bytes) break;
    yield part;
  }
  if (written !== bytes) {
    const found = written > bytes ? "more than" : `only ${written} of`;
    throw new FormatError(`tar: ${name} has ${found} its ${bytes} bytes`);
  }
  yield fill(bytes);
}

function fill(bytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (bytes % BLOCK)) % BLOCK);
}

function header(name: string, bytes: number): Uint8Array {
  if (!/^[a-z0-9.-]{1,99}$/.test(name) || bytes < 0 || bytes > MAX_BYTES) {
    throw new FormatError(`tar: cannot hold ${JSON.stringify(name)} of ${bytes} bytes`);
  }
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(name, 0);
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(bytes, 11), 124);
  block.write(octal(0, 11), 136);
  block.write("        ", 148);
  block.write("0ustar\0" + "00", 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148);
  return new Uint8Array(block);
}

/** Reads the files of an archive in the order in which they must come. */
export class TarReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The size of the next file, which must have this name and not be longer than that. */
  async next(name: string, most = MAX_BYTES): Promise<number> {
    const block = Buffer.concat(await Array.fromAsync(this.content(BLOCK)));
    const bytes = Number.parseInt(block.toString("latin1", 124, 135), 8);
    if (!(bytes >= 0) || Buffer.compare(block, header(name, bytes)) !== 0) {
      throw new FormatError(`tar: the next file is not ${name}`);
    }
    if (bytes > most) throw new FormatError(`tar: ${name} has ${bytes} bytes, at most ${most}`);
    return bytes;
  }

  /** So many bytes, in the parts in which they come. */
  async *content(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
      else await this.#more();
    }
  }

  /** What fills the last block of a file of so many bytes. */
  async skipFill(bytes: number): Promise<void> {
    await this.#zeros(fill(bytes).length);
  }

  /** The end of the archive, and of the source. */
  async end(): Promise<void> {
    await this.#zeros(TAR_END.length);
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return;
      this.#rest = next.value;
    }
    throw new FormatError("tar: something follows the end");
  }

  /** Gives the source up. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #zeros(bytes: number): Promise<void> {
    for await (const part of this.content(bytes)) {
      if (part.some((byte) => byte !== 0)) throw new FormatError("tar: a gap is not empty");
    }
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw new FormatError("tar: the end is missing");
    this.#rest = next.value;
  }
}
