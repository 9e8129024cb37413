// Importer of kernel messages, as records of /dev/kmsg:
//
//   6,339,5140900,-;NET: Registered protocol family 10
//
// Priority (facility and level), sequence number, microseconds since boot, flags.
import { readFileSync } from "node:fs";
import { moment } from "./clock.ts";
import { type Entry, leveledEntry, type Severity } from "./entry.ts";

const pattern = /^(\d{1,6}),\d{1,20},(\d{1,15}),[^;\n]*;(.*)/;

/** By level, from emergency to debug. */
const severityOf: readonly Severity[] = [
  ...(["fatal", "fatal", "error", "error"] as const),
  ...(["warning", "info", "info", "info"] as const),
];

/**
 * The entry in a kmsg record, undefined if it is none.
 *
 * Records carry the time since boot; `booted`, see {@link bootTime}, makes it a
 * date. Further lines of a record are properties of a device and left out.
 */
export function parseKmsg(record: string, dn: string, booted: Date): Entry | undefined {
  const [, priority, microseconds, text = ""] = pattern.exec(record) ?? [];
  if (priority === undefined) return undefined;
  const severity = severityOf[Number(priority) & 7];
  if (severity === undefined) return undefined;
  const at = moment(booted.getTime() * 1_000 + Number(microseconds));
  return leveledEntry(dn, text, { severity, ...at });
}

/** When this machine booted, by the clock of now; ask again after the clock was set. */
export function bootTime(): Date {
  const [seconds] = readFileSync("/proc/uptime", "utf8").split(" ");
  return new Date(Date.now() - Number(seconds) * 1_000);
}
