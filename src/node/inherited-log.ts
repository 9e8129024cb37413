// What init has to say, and what a dead predecessor of this process said last: lines on
// standard input, one entry each.
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { decodeEntry, isWithin, type LogTree } from "../base/logtree/logtree.ts";

/** Init speaks for itself, and for those it has captured. */
const DN = "init";

/** Adds the entries that come in to the log, until the input ends. */
export async function inheritLog(input: Readable, tree: LogTree): Promise<void> {
  for await (const line of createInterface({ input })) {
    const entry = decodeEntry(line);
    if (entry !== undefined && isWithin(entry.dn, DN)) tree.add(entry);
    else tree.raw(DN).write(`${line}\n`);
  }
}
