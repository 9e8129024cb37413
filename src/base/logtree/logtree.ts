// The log tree: everything that happens on a node, in memory, by DN.
//
//   log.info()            ─┐                          ┌─► backlog: what was kept
//   lines of a program    ─┼─► Entry ─► one ring per ─┤
//   entries of a child    ─┘    │       DN, bounded   └─► streams: what comes next,
//   (klog, zap, kmsg, JSON)     │                         bounded buffer each
//                               └─ text: standard or concise
//
// Entries are either leveled (severity, source line, messages) or raw (one
// line of a program that knows nothing of us). DNs mirror the supervision tree,
// and a reader names a DN, with or without what lies below it. Nothing here is
// written to disk; memory is bounded per DN and in all, so that a chatty
// program can push out its own past but nobody else's.
export { decodeEntry, encodeEntry } from "./codec.ts";
export { formatConcise } from "./concise.ts";
export { checkDn, DnError, isWithin } from "./dn.ts";
export {
  type Entry,
  isAtLeast,
  type LeveledEntry,
  type Logger,
  leveledEntry,
  type RawEntry,
  type RawLogger,
  rawEntry,
  type Severity,
  severities,
} from "./entry.ts";
export { causes, errorText } from "./error-text.ts";
export { parseKlog } from "./klog.ts";
export { bootTime, parseKmsg } from "./kmsg.ts";
export { LineBuffer } from "./line-buffer.ts";
export { type LineParser, lineImporter, parseOwn, parsePlain } from "./line-importer.ts";
export type { LogStream } from "./log-stream.ts";
export { ReadError, type ReadOptions } from "./read-options.ts";
export { formatEntry } from "./text.ts";
export { LogTree } from "./tree.ts";
export { parseZap } from "./zap.ts";
