// Names of files on FAT: the long one that people see, and the short one stored with it.
import { FormatError } from "./format.ts";

/** A name in both forms. */
export interface FatName {
  readonly long: string;
  /** Eleven bytes: eight and an extension of three, padded with blanks. */
  readonly short: Uint8Array;
  /** Whether the short name says it all, so that no long one is stored. */
  readonly isShortOnly: boolean;
}

/** Size of an entry of a directory. */
export const ENTRY_SIZE = 32;

const MAX_LONG_UNITS = 255;
const UNITS_PER_ENTRY = 13;

// Positions of a long name's 13 units in its entry.
const UNIT_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/**
 * Finds a short name for each name of one directory.
 *
 * Throws where a name cannot be on FAT, or two differ in case only.
 */
export function assignNames(names: readonly string[]): readonly FatName[] {
  const folded = new Set<string>();
  const taken = new Set<string>();
  return names.map((long) => {
    checkName(long);
    if (folded.has(long.toUpperCase())) {
      throw new FormatError(`file name ${long} is there twice, as FAT ignores case`);
    }
    folded.add(long.toUpperCase());
    const text = shortName(long, taken);
    taken.add(text);
    return { long, short: new TextEncoder().encode(text), isShortOnly: undot(text) === long };
  });
}

/** How many entries of a directory a name takes. */
export function entryCount({ long, isShortOnly }: FatName): number {
  return isShortOnly ? 1 : 1 + Math.ceil(long.length / UNITS_PER_ENTRY);
}

/** The entries that hold a long name; the last part comes first. */
export function longNameEntries({ long, short, isShortOnly }: FatName): Uint8Array {
  if (isShortOnly) return new Uint8Array();
  const count = Math.ceil(long.length / UNITS_PER_ENTRY);
  const bytes = new Uint8Array(count * ENTRY_SIZE);
  for (let part = 0; part < count; part++) {
    const isLast = part === count - 1;
    const entry = longNameEntry(long, part, isLast, checksum(short));
    bytes.set(entry, (count - 1 - part) * ENTRY_SIZE);
  }
  return bytes;
}

function longNameEntry(long: string, part: number, isLast: boolean, sum: number): Uint8Array {
  const entry = new Uint8Array(ENTRY_SIZE);
  const view = new DataView(entry.buffer);
  entry[0] = (part + 1) | (isLast ? 0x40 : 0);
  entry[11] = 0x0f;
  entry[13] = sum;
  for (const [index, offset] of UNIT_OFFSETS.entries()) {
    const at = part * UNITS_PER_ENTRY + index;
    // The name ends with a zero unless it fills its entry; beyond that comes padding.
    const padding = at === long.length ? 0 : 0xffff;
    view.setUint16(offset, at < long.length ? long.charCodeAt(at) : padding, true);
  }
  return entry;
}

/** Ties a long name to its short one, so that tools that know only short names can break it. */
function checksum(short: Uint8Array): number {
  return short.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}

function checkName(name: string): void {
  const isSound =
    name.length > 0 &&
    name.length <= MAX_LONG_UNITS &&
    name.isWellFormed() &&
    !/[\x00-\x1f\x7f"*/:<>?\\|]/.test(name) &&
    !/[. ]$/.test(name);
  if (!isSound) throw new FormatError(`file name ${JSON.stringify(name)} cannot be on FAT`);
}

function shortName(long: string, taken: ReadonlySet<string>): string {
  const dot = long.lastIndexOf(".");
  const [base, extension] = dot > 0 ? [long.slice(0, dot), long.slice(dot + 1)] : [long, ""];
  const [stem, suffix] = [shorten(base), shorten(extension)];
  const isFaithful =
    stem === base.toUpperCase() &&
    suffix === extension.toUpperCase() &&
    stem.length <= 8 &&
    suffix.length <= 3;
  const plain = pad(stem, suffix);
  if (isFaithful && !taken.has(plain)) return plain;
  for (let number = 1; number < 1_000_000; number++) {
    const tail = `~${number}`;
    const numbered = pad(stem.slice(0, 8 - tail.length) + tail, suffix);
    if (!taken.has(numbered)) return numbered;
  }
  throw new FormatError(`too many files with names like ${long}`);
}

/** Leaves what a short name may contain. */
function shorten(text: string): string {
  return text
    .toUpperCase()
    .replace(/[. ]/g, "")
    .replace(/[^A-Z0-9!#$%&'()@^_`{}~-]/g, "_");
}

function pad(stem: string, suffix: string): string {
  return stem.slice(0, 8).padEnd(8) + suffix.slice(0, 3).padEnd(3);
}

function undot(short: string): string {
  const [stem, suffix] = [short.slice(0, 8).trimEnd(), short.slice(8).trimEnd()];
  return suffix === "" ? stem : `${stem}.${suffix}`;
}
