// What the log tree holds.

/** All severities, from the least to the most severe. */
export const severities = ["info", "warning", "error", "fatal"] as const;

/** How bad it is. Fatal means that a runnable ended, not that the process does. */
export type Severity = (typeof severities)[number];

/** Something that code of ours, or a log format we understand, had to say. */
export interface LeveledEntry {
  readonly kind: "leveled";
  readonly dn: string;
  readonly severity: Severity;
  readonly time: Date;
  /** Microseconds within the millisecond of `time`, 0 to 999; 0 if absent. */
  readonly micros?: number;
  /** Base name of the source file, `unknown` where nobody knows. */
  readonly file: string;
  readonly line: number;
  /** At least one line of text, without line ends. */
  readonly messages: readonly string[];
}

/** One line that a program printed. */
export interface RawEntry {
  readonly kind: "raw";
  readonly dn: string;
  readonly time: Date;
  /** Microseconds within the millisecond of `time`, 0 to 999; 0 if absent. */
  readonly micros?: number;
  readonly text: string;
  /** In bytes; more than the text has if the line was cut. */
  readonly originalLength: number;
}

/** A line of the log. */
export type Entry = LeveledEntry | RawEntry;

/** Writes leveled entries at one DN. The functions may be taken off the object. */
export interface Logger {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  fatal(text: string): void;
}

/** Writes raw entries at one DN: cuts what comes into lines. */
export interface RawLogger {
  write(chunk: string | Uint8Array): void;
  /** Writes out a last line that has no end. */
  flush(): void;
}

/** A moment, finer than a Date can tell. */
export interface Moment {
  readonly time: Date;
  readonly micros: number;
}

/** Whether `severity` is as severe as `minimum`, or more. */
export function isAtLeast(severity: Severity, minimum: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(minimum);
}

/** Longest message text kept, in UTF-16 units: a stack trace fits, a dump of memory does not. */
const LONGEST_TEXT = 16_384;

/** The optional parts of a leveled entry. */
export interface LeveledParts extends Partial<Moment> {
  readonly severity?: Severity;
  readonly file?: string;
  readonly line?: number;
}

/** A leveled entry from text, cut into lines; what is left out is info, now, of unknown source. */
export function leveledEntry(dn: string, text: string, parts: LeveledParts = {}): LeveledEntry {
  const { severity = "info", file = "unknown", line = 0, time = new Date(), micros = 0 } = parts;
  const messages = shorten(text)
    .replace(/^[\r\n]+|[\r\n]+$/g, "")
    .split(/\r?\n/);
  return { kind: "leveled", dn, severity, time, micros, file, line, messages };
}

/** A raw entry from one line of text. */
export function rawEntry(dn: string, text: string, moment?: Moment): RawEntry {
  const { time, micros } = moment ?? { time: new Date(), micros: 0 };
  const originalLength = Buffer.byteLength(text);
  return { kind: "raw", dn, time, micros, text: shorten(text), originalLength };
}

/** Well-formed and bounded: half a surrogate pair cannot be encoded as UTF-8. */
function shorten(text: string): string {
  if (text.length <= LONGEST_TEXT) return text.toWellFormed();
  // The cut may have split a pair; dropping its first half keeps the rest clean.
  return `${text.slice(0, LONGEST_TEXT).replace(/[\ud800-\udbff]$/, "")}...`.toWellFormed();
}
