// Importer of klog and glog lines, the format of Kubernetes components:
//
//   I0228 13:30:45.996960    1234 server.go:252] Starting
import { type Entry, leveledEntry, type Severity } from "./entry.ts";

const pattern =
  /^([IWEF])(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})\s+\d+\s+([^\s:]+):(\d{1,9})\] ?(.*)$/;

const severityOf: Readonly<Record<string, Severity>> = {
  I: "info",
  W: "warning",
  E: "error",
  F: "fatal",
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The entry in a klog line, undefined if it is none. The format has no year: `now` gives it. */
export function parseKlog(line: string, dn: string, now: Date): Entry | undefined {
  const match = pattern.exec(line);
  if (match === null) return undefined;
  const [, letter = "", month, day, hour, minute, second, fraction, file = "", row, text = ""] =
    match;
  const severity = severityOf[letter];
  const parts = [month, day, hour, minute, second].map(Number);
  const time = withYear(parts, Number(fraction?.slice(0, 3)), now);
  if (time === undefined || severity === undefined) return undefined;
  const micros = Number(fraction?.slice(3));
  return leveledEntry(dn, text, { severity, time, micros, file, line: Number(row) });
}

/** The date in the year that puts it next to `now`, undefined if no year makes sense. */
function withYear(parts: readonly number[], milliseconds: number, now: Date): Date | undefined {
  const year = now.getUTCFullYear();
  const date = dateIn(year, parts, milliseconds);
  if (date === undefined) return undefined;
  const ahead = date.getTime() - now.getTime();
  // Around New Year the line and we may see different years.
  if (isAboutYear(ahead)) return dateIn(year - 1, parts, milliseconds);
  if (isAboutYear(-ahead)) return dateIn(year + 1, parts, milliseconds);
  // Clocks of one machine agree: what lies in the future is garbage.
  return ahead > HOUR_MS ? undefined : date;
}

function isAboutYear(duration: number): boolean {
  return Math.abs(duration - 365 * DAY_MS) <= 2 * DAY_MS;
}

/** Undefined for dates that the calendar does not have. */
function dateIn(
  year: number,
  [month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[],
  milliseconds: number,
): Date | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, milliseconds));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date : undefined;
}
