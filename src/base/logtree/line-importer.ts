// Feeds lines of programs into the log tree through one of the parsers.
import { decodeEntry } from "./codec.ts";
import { isWithin } from "./dn.ts";
import { type Entry, leveledEntry, rawEntry } from "./entry.ts";
import type { LogTree } from "./tree.ts";

/** Understands one line, undefined if it cannot: parseKlog, parseZap, parseKmsg. */
export type LineParser = (line: string, dn: string, now: Date) => Entry | undefined;

/** Takes any line as a raw entry. */
export function parsePlain(line: string, dn: string, now: Date): Entry {
  return rawEntry(dn, line, { time: now, micros: 0 });
}

/**
 * A parser for what processes of ours print, see encodeEntry.
 *
 * Takes entries at or below `dn` only: a child speaks for itself, not for
 * other parts of the tree. All else becomes a raw entry.
 */
export function parseOwn(line: string, dn: string, now: Date): Entry {
  const entry = decodeEntry(line);
  return entry !== undefined && isWithin(entry.dn, dn) ? entry : parsePlain(line, dn, now);
}

/** A function that adds each line given to it at `dn`; lines that `parse` refuses are errors. */
export function lineImporter(tree: LogTree, dn: string, parse: LineParser): (line: string) => void {
  return (line) => {
    const now = new Date();
    tree.add(parse(line, dn, now) ?? leveledEntry(dn, line, { severity: "error", time: now }));
  };
}
