// Reads streams of bytes line by line.
import { LineBuffer } from "../logtree/logtree.ts";

/** Longest line by default, in bytes; longer ones are cut. */
const LONGEST_LINE = 65_536;

/** Hands each line to `onLine`; ends with the stream. */
export async function eachLine(
  stream: AsyncIterable<Uint8Array>,
  onLine: (line: string) => void,
  limit: number = LONGEST_LINE,
): Promise<void> {
  const buffer = new LineBuffer(limit, ({ text }) => onLine(text));
  for await (const chunk of stream) buffer.write(chunk);
  buffer.flush();
}

/** The lines of a stream, each of at most `limit` bytes. */
export async function* lines(
  stream: AsyncIterable<Uint8Array>,
  limit: number = LONGEST_LINE,
): AsyncGenerator<string, void, undefined> {
  const ready: string[] = [];
  const buffer = new LineBuffer(limit, ({ text }) => ready.push(text));
  for await (const chunk of stream) {
    buffer.write(chunk);
    yield* ready.splice(0);
  }
  buffer.flush();
  yield* ready;
}
