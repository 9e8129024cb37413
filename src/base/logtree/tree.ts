// The log tree itself: takes entries, keeps the newest, serves readers.
import { callerOf } from "./caller.ts";
import { now } from "./clock.ts";
import { checkDn } from "./dn.ts";
import {
  type Entry,
  type Logger,
  leveledEntry,
  type Moment,
  type RawLogger,
  type Severity,
} from "./entry.ts";
import { LineBuffer } from "./line-buffer.ts";
import { LogStream } from "./log-stream.ts";
import { checkRead, includesDn, includesEntry, type ReadOptions } from "./read-options.ts";
import { Ring, sizeOf } from "./ring.ts";

/** How many entries of one DN are kept. */
const QUOTA = 8_192;

/** Longest raw line kept, in bytes. */
const RAW_LINE = 1_024;

/** How much memory all entries together may take, roughly. */
const BYTES = 32 * 1_024 * 1_024;

/** How many DNs are kept; a tree has some dozens, but other processes name theirs themselves. */
const DNS = 1_024;

/** Settings of a log tree. */
export interface LogTreeOptions {
  /** Where the time comes from. */
  readonly now?: () => Moment;
  /** Rough limit of memory for all entries, in bytes. */
  readonly bytes?: number;
}

/** The log of a node or process, in memory. */
export class LogTree {
  readonly #rings = new Map<string, Ring>();
  readonly #streams = new Map<LogStream, ReadOptions>();
  readonly #now: () => Moment;
  readonly #limit: number;
  #bytes = 0;
  #sequence = 0;

  constructor(options: LogTreeOptions = {}) {
    this.#now = options.now ?? now;
    this.#limit = options.bytes ?? BYTES;
  }

  /** A logger at `dn` that notes which source line called it. Throws DnError. */
  logger(dn: string): Logger {
    checkDn(dn);
    const write = (severity: Severity, text: string, above: (text: string) => void) => {
      this.add(leveledEntry(dn, text, { severity, ...callerOf(above), ...this.#now() }));
    };
    // Block bodies on purpose: a call in tail position would leave no frame of
    // these functions on the stack, and the caller is found above that frame.
    const logger: Logger = {
      info: (text) => {
        write("info", text, logger.info);
      },
      warning: (text) => {
        write("warning", text, logger.warning);
      },
      error: (text) => {
        write("error", text, logger.error);
      },
      fatal: (text) => {
        write("fatal", text, logger.fatal);
      },
    };
    return logger;
  }

  /** A writer of raw lines at `dn`. Throws DnError. */
  raw(dn: string): RawLogger {
    checkDn(dn);
    return new LineBuffer(RAW_LINE, ({ text, originalLength }) => {
      this.add({ kind: "raw", dn, ...this.#now(), text, originalLength });
    });
  }

  /** Takes an entry as it is, from an importer or another process. Throws DnError. */
  add(entry: Entry): void {
    const ring = this.#rings.get(entry.dn) ?? this.#open(entry.dn);
    ring.push({ sequence: this.#sequence, entry });
    this.#sequence += 1;
    this.#bytes += sizeOf(entry);
    if (ring.length > QUOTA) this.#bytes -= ring.drop();
    while (this.#bytes > this.#limit) this.#bytes -= this.#largest().drop();
    for (const [stream, options] of this.#streams) {
      if (includesEntry(options, entry)) stream.offer(entry);
    }
  }

  /**
   * Reads kept entries, oldest first, and those to come: no entry is in both
   * and none falls between. Close the stream, or leave its loop, when done; it
   * is closed from the start unless the options ask for it. Throws DnError and
   * ReadError.
   */
  read(options: ReadOptions): { readonly backlog: readonly Entry[]; readonly stream: LogStream } {
    checkRead(options);
    const stream = new LogStream(() => this.#streams.delete(stream));
    if (options.stream) this.#streams.set(stream, options);
    else stream.close();
    return { backlog: this.#backlog(options), stream };
  }

  #backlog(options: ReadOptions): readonly Entry[] {
    const count = options.backlog === "all" ? Number.POSITIVE_INFINITY : (options.backlog ?? 0);
    if (count === 0) return [];
    return [...this.#rings]
      .filter(([dn]) => includesDn(options, dn))
      .flatMap(([, ring]) => ring.last(count, (entry) => includesEntry(options, entry)))
      .sort((a, b) => a.sequence - b.sequence)
      .slice(-count)
      .map(({ entry }) => entry);
  }

  #open(dn: string): Ring {
    checkDn(dn);
    if (this.#rings.size >= DNS) this.#forgetQuietest();
    const ring = new Ring();
    this.#rings.set(dn, ring);
    return ring;
  }

  /** Drops the DN that has been silent for longest. */
  #forgetQuietest(): void {
    const [first] = [...this.#rings].sort(([, a], [, b]) => a.newest - b.newest);
    if (first === undefined) return;
    this.#rings.delete(first[0]);
    this.#bytes -= first[1].bytes;
  }

  /** The DN that takes most memory pays when all memory is used, not the oldest entry. */
  #largest(): Ring {
    return [...this.#rings.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
  }
}
