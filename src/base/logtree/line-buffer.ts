// Cuts a stream of bytes into lines of bounded length.

/** A line without its end. */
export interface Line {
  readonly text: string;
  /** In bytes; more than the text has exactly if the line was cut. */
  readonly originalLength: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Collects chunks and hands each complete line to `onLine`; holds at most `limit` bytes. */
export class LineBuffer {
  readonly #bytes: Uint8Array;
  readonly #onLine: (line: Line) => void;
  /** How many bytes the current line has so far, those beyond the limit included. */
  #length = 0;

  constructor(limit: number, onLine: (line: Line) => void) {
    this.#bytes = new Uint8Array(limit);
    this.#onLine = onLine;
  }

  /** Takes the next chunk; chunks may end anywhere, inside a character too. */
  write(chunk: string | Uint8Array): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end === -1) break;
      this.#keep(bytes.subarray(start, end));
      this.#emit();
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** Hands out a last line that has no end, if there is one. */
  flush(): void {
    if (this.#length > 0) this.#emit();
  }

  #keep(part: Uint8Array): void {
    const room = this.#bytes.length - this.#length;
    if (room > 0) this.#bytes.set(part.subarray(0, room), this.#length);
    this.#length += part.length;
  }

  #emit(): void {
    const total = this.#length;
    this.#length = 0;
    const isCut = total > this.#bytes.length;
    let kept = this.#bytes.subarray(0, Math.min(total, this.#bytes.length));
    if (!isCut && kept.at(-1) === CARRIAGE_RETURN) kept = kept.subarray(0, -1);
    // In streaming mode a decoder holds back an unfinished character: a cut line
    // ends before it instead of in a replacement character.
    const text = new TextDecoder().decode(kept, { stream: isCut });
    const length = Buffer.byteLength(text);
    this.#onLine({ text, originalLength: isCut ? Math.max(total, length + 1) : length });
  }
}
