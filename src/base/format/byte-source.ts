// Content of a known size that can be streamed, from memory or from a file too large for it.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { FormatError } from "./format.ts";

/** How much is read or written at once: large enough for full speed, small enough to hold. */
export const CHUNK_BYTES = 1 << 20;

/** Content whose size is known before it is read. */
export interface ByteSource {
  readonly size: number;
  /** The content from its beginning; each call starts anew. */
  stream(): AsyncIterable<Uint8Array>;
}

/** The source of bytes that are in memory already. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async *stream() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/** The source of a file, with the size it has now. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return { size, stream: () => createReadStream(path, { highWaterMark: CHUNK_BYTES }) };
}

/**
 * Streams a source and checks that it gives exactly what it announced.
 *
 * Containers write sizes before content: a file that grows or shrinks meanwhile would
 * otherwise damage its neighbours.
 */
export async function* exactly(source: ByteSource, what: string): AsyncIterable<Uint8Array> {
  let seen = 0;
  for await (const chunk of source.stream()) {
    seen += chunk.length;
    if (seen > source.size) break;
    yield chunk;
  }
  if (seen === source.size) return;
  const kind = seen > source.size ? "more than" : `only ${seen} of`;
  throw new FormatError(`${what}: gave ${kind} the ${source.size} bytes announced`);
}

/** All of a source in memory; refuses sources larger than `limit`. */
export async function readAll(
  source: ByteSource,
  what: string,
  limit: number,
): Promise<Uint8Array> {
  if (source.size > limit) {
    throw new FormatError(`${what}: ${source.size} bytes, more than the ${limit} allowed`);
  }
  const bytes = new Uint8Array(source.size);
  let offset = 0;
  for await (const chunk of exactly(source, what)) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
