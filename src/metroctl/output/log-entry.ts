// Log entries as the Cluster API sends them, turned into those of the log tree.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Entry, leveledEntry, rawEntry, type Severity } from "../../base/logtree/logtree.ts";
import { LeveledLogSeverity, type LogEntry } from "../../gen/osbase/logtree/proto/logtree_pb.ts";
import { printable } from "./printable.ts";

const severities: Readonly<Record<LeveledLogSeverity, Severity>> = {
  [LeveledLogSeverity.INVALID]: "info",
  [LeveledLogSeverity.INFO]: "info",
  [LeveledLogSeverity.WARNING]: "warning",
  [LeveledLogSeverity.ERROR]: "error",
  [LeveledLogSeverity.FATAL]: "fatal",
};

/** An entry for the formatter; control characters of a lying node do not reach the terminal. */
export function fromLogEntry({ dn, kind }: LogEntry): Entry {
  if (kind.case !== "leveled") {
    return rawEntry(printable(dn), printable(kind.value?.data ?? ""));
  }
  const { lines, timestamp, severity, location } = kind.value;
  const [file = "unknown", line = "0"] = printable(location).split(":");
  return leveledEntry(printable(dn), lines.map(printable).join("\n"), {
    severity: severities[severity] ?? "info",
    file,
    line: Number(line) || 0,
    ...(timestamp === undefined ? {} : moment(timestamp)),
  });
}

/** Milliseconds as a Date holds them, and the microseconds below; never rounded up. */
function moment({ seconds, nanos }: Timestamp) {
  const time = new Date(Number(seconds) * 1000 + Math.floor(nanos / 1e6));
  return { time, micros: Math.floor(nanos / 1e3) % 1000 };
}
