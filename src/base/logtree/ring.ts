// The entries of one DN: a queue that forgets its oldest.
import type { Entry } from "./entry.ts";

/** An entry with its place in the order of all entries of the tree. */
export interface Kept {
  readonly sequence: number;
  readonly entry: Entry;
}

/** What an entry costs besides its text: objects, date, array. */
const OVERHEAD_BYTES = 200;

/** Roughly how much memory an entry takes. */
export function sizeOf(entry: Entry): number {
  const texts = entry.kind === "raw" ? [entry.text] : entry.messages;
  return texts.reduce((sum, { length }) => sum + length, OVERHEAD_BYTES);
}

/** A queue of entries in order of arrival. */
export class Ring {
  #entries: Kept[] = [];
  /** Index of the oldest entry; what lies before it was dropped. */
  #start = 0;
  #bytes = 0;

  get length(): number {
    return this.#entries.length - this.#start;
  }

  /** Rough size of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The place of the newest entry, -1 when empty. */
  get newest(): number {
    return this.#entries.at(-1)?.sequence ?? -1;
  }

  push(kept: Kept): void {
    this.#entries.push(kept);
    this.#bytes += sizeOf(kept.entry);
  }

  /** Forgets the oldest entry and gives its size. */
  drop(): number {
    const oldest = this.#entries[this.#start];
    if (oldest === undefined) return 0;
    const size = sizeOf(oldest.entry);
    this.#bytes -= size;
    this.#start += 1;
    // Moving the rest down only now and then keeps dropping cheap.
    if (this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
    return size;
  }

  /** The newest entries that match, at most `count`, newest first. */
  last(count: number, matches: (entry: Entry) => boolean): readonly Kept[] {
    const found: Kept[] = [];
    for (let index = this.#entries.length - 1; index >= this.#start; index -= 1) {
      if (found.length >= count) break;
      const kept = this.#entries[index];
      if (kept !== undefined && matches(kept.entry)) found.push(kept);
    }
    return found;
  }
}
