// Entries of the log tree as the Cluster API sends them.
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Entry, Severity } from "../../base/logtree/logtree.ts";
import {
  LeveledLogSeverity,
  type LogEntry,
  LogEntrySchema,
} from "../../gen/osbase/logtree/proto/logtree_pb.ts";

const severities: Readonly<Record<Severity, LeveledLogSeverity>> = {
  info: LeveledLogSeverity.INFO,
  warning: LeveledLogSeverity.WARNING,
  error: LeveledLogSeverity.ERROR,
  fatal: LeveledLogSeverity.FATAL,
};

/** An entry for the wire. Clients want a DN without empty parts and `file:number` as location. */
export function toLogEntry(entry: Entry): LogEntry {
  if (entry.kind === "raw") {
    const { dn, text, originalLength } = entry;
    const value = { data: text, originalLength: BigInt(originalLength) };
    return create(LogEntrySchema, { dn, kind: { case: "raw", value } });
  }
  const { dn, messages, severity, time, micros = 0, file, line } = entry;
  const timestamp = timestampFromDate(time);
  timestamp.nanos += micros * 1_000;
  const location = `${file.replaceAll(":", "_")}:${line}`;
  const value = { lines: [...messages], timestamp, severity: severities[severity], location };
  return create(LogEntrySchema, { dn, kind: { case: "leveled", value } });
}
