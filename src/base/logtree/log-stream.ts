// The live end of a read: entries as they come, for one reader.
import type { Entry } from "./entry.ts";

/** How many entries wait for a slow reader before newer ones are missed. */
const CAPACITY = 128;

/** Entries as they come. Iterate it once; leaving the loop closes it. */
export class LogStream implements AsyncIterable<Entry>, Disposable {
  readonly #queue: Entry[] = [];
  readonly #onClose: () => void;
  #wake: (() => void) | undefined;
  #isClosed = false;
  #missed = 0;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  /** How many entries this reader was too slow for, so far. */
  get missed(): number {
    return this.#missed;
  }

  /** Offers an entry; a full stream counts it as missed. For the tree only. */
  offer(entry: Entry): void {
    if (this.#isClosed) return;
    if (this.#queue.length >= CAPACITY) {
      this.#missed += 1;
      return;
    }
    this.#queue.push(entry);
    this.#wake?.();
  }

  /** Ends the stream; what already waits is still given. Closing again does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry, void, undefined> {
    try {
      for (;;) {
        const entry = this.#queue.shift();
        if (entry !== undefined) {
          yield entry;
        } else if (this.#isClosed) {
          return;
        } else {
          await this.#news();
        }
      }
    } finally {
      this.close();
    }
  }

  async #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}
