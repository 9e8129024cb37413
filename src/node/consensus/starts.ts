// Whether etcd starts at all: how it ends when it does not, in its own words, and whether that
// is because what lies on its disk cannot be read.
import type { Value } from "../../base/event/event.ts";
import { type LineParser, type Logger, parsePlain, parseZap } from "../../base/logtree/logtree.ts";

/** etcd that ends younger than this has not worked. */
const YOUNG_MS = 30_000;
/** So often in a row, it is no accident. */
const TIMES = 3;
/** No longer text of a program goes into a sentence. */
const MOST_CHARACTERS = 120;

/** Reasons that lie with the machine, for which another copy of the state would be no help. */
const OF_MACHINE =
  /address already in use|no space left|too many open files|permission denied|cannot allocate|read-only file system|input\/output error/i;

/** What keeps etcd from running. */
export interface StartFailure {
  /** A sentence for the operator. */
  readonly text: string;
  /** Whether its copy of the state is damaged. */
  readonly isDamaged: boolean;
}

/** The reason for which etcd gives up, in a line of its output; undefined for any other line. */
export function givesUp(line: string): string | undefined {
  if (/^(panic|fatal error|unexpected fault address)\b/.test(line)) return cut(line);
  const { level, msg, error } = record(line);
  if (level !== "panic" && level !== "fatal") return undefined;
  return cut([msg, error].filter((part) => typeof part === "string").join(": "));
}

/**
 * What the machine lacks, in a line of etcd's output: it may give up later with words that only
 * tell what follows, such as a log that it found no room to repair.
 */
function lacks(line: string): string | undefined {
  const { level, msg, error } = record(line);
  if (level !== "error" || typeof error !== "string" || !OF_MACHINE.test(error)) return undefined;
  return cut(`${msg}: ${error}`);
}

function isDamage(reason: string): boolean {
  return !OF_MACHINE.test(reason);
}

function record(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function cut(text: string): string {
  return text.replace(/^panic: /, "").slice(0, MOST_CHARACTERS);
}

/**
 * A parser for etcd's lines. What it cries out as it falls is told in one line of ours: the rest,
 * traces of stacks included, is for the log.
 */
export const parseEtcd: LineParser = (line, dn, now) => {
  const entry = parseZap(line, dn, now);
  if (entry === undefined) return parsePlain(line, dn, now);
  return entry.kind === "leveled" && entry.severity === "fatal"
    ? { ...entry, severity: "warning" }
    : entry;
};

/** The starts of one member. */
export class Starts {
  readonly #failure: Value<StartFailure | null>;
  readonly #log: Logger;
  #count = 0;
  #reason: string | undefined;
  #lack: string | undefined;
  #toldDamage = false;
  #startedAt = 0;
  #lasting: Timer | undefined;

  /** `failure` is set while etcd cannot run, and to null once it can. */
  constructor(failure: Value<StartFailure | null>, log: Logger) {
    this.#failure = failure;
    this.#log = log;
  }

  /** It is started. */
  begin(): void {
    this.#startedAt = performance.now();
    this.#reason = undefined;
    this.#lack = undefined;
  }

  /** It has said something. */
  hear(line: string): void {
    this.#reason ??= givesUp(line);
    this.#lack ??= lacks(line);
  }

  /** It serves: the end of trouble, where it had failed so often only once that has lasted. */
  serves(): void {
    const isOver = () => this.#failure.set(null);
    if (this.#count < TIMES) isOver();
    else this.#lasting = setTimeout(isOver, YOUNG_MS);
  }

  /** It has ended by itself; false where that is nothing that this is about. */
  ended(): boolean {
    clearTimeout(this.#lasting);
    if (performance.now() - this.#startedAt > YOUNG_MS) this.#count = 0;
    if (this.#reason === undefined) return false;
    const reason = this.#lack ?? this.#reason;
    // What was told is over: room came back, say, and what lies on the disk is damaged now.
    if (this.#count >= TIMES && isDamage(reason) !== this.#toldDamage) this.#count = 0;
    this.#count += 1;
    if (this.#count === TIMES) this.#give(reason);
    else this.#log.info(`etcd gave up: ${reason}`);
    return true;
  }

  #give(reason: string): void {
    const isDamaged = isDamage(reason);
    this.#toldDamage = isDamaged;
    const text = isDamaged
      ? `its copy of the cluster's state is damaged: ${reason}`
      : `etcd does not start: ${reason}`;
    this.#log.error(`This node cannot take part in consensus, ${text}`);
    this.#failure.set({ text, isDamaged });
  }
}
