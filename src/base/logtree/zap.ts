// Importer of zap's JSON lines, the format of etcd:
//
//   {"level":"info","ts":"2022-02-28T13:30:45.996960Z","caller":"embed/etcd.go:124","msg":"…"}
import { moment } from "./clock.ts";
import { type Entry, leveledEntry, type Moment, type Severity } from "./entry.ts";

const severityOf: Readonly<Record<string, Severity>> = {
  debug: "info",
  info: "info",
  warn: "warning",
  error: "error",
  dpanic: "fatal",
  panic: "fatal",
  fatal: "fatal",
};

/** The entry in a zap line, undefined if it is none; `now` stands in for a missing time. */
export function parseZap(line: string, dn: string, now: Date): Entry | undefined {
  const record = parseRecord(line);
  if (record === undefined) return undefined;
  const { level, ts, caller, msg, logger, stacktrace, ...fields } = record;
  const severity = typeof level === "string" ? severityOf[level] : undefined;
  if (severity === undefined || typeof msg !== "string") return undefined;
  const details = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const name = typeof logger === "string" ? [`${logger}:`] : [];
  const text = [...name, msg.trim(), ...details].join(" ");
  const stack = typeof stacktrace === "string" ? `\n${stacktrace}` : "";
  const time = timeOf(ts) ?? { time: now, micros: 0 };
  return leveledEntry(dn, text + stack, { severity, ...time, ...placeOf(caller) });
}

function parseRecord(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Zap writes ISO times, with or without a colon in the zone, or seconds since the epoch. */
function timeOf(ts: unknown): Moment | undefined {
  if (typeof ts === "number" && Number.isFinite(ts)) return moment(ts * 1e6);
  if (typeof ts !== "string") return undefined;
  const time = new Date(ts.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  if (Number.isNaN(time.getTime())) return undefined;
  const [, finer = ""] = /\.\d{3}(\d{1,3})/.exec(ts) ?? [];
  return { time, micros: Number(finer.padEnd(3, "0")) };
}

/** The last part of a path such as `embed/etcd.go:124`. */
function placeOf(caller: unknown): { readonly file?: string; readonly line?: number } {
  const [, file, line] = /([^/\s]+):(\d{1,9})$/.exec(String(caller ?? "")) ?? [];
  return file === undefined ? {} : { file, line: Number(line) };
}
