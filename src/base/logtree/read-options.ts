// What a reader of the log tree asks for, and which entries that means.
import { checkDn, isWithin } from "./dn.ts";
import { type Entry, isAtLeast, type Severity } from "./entry.ts";

/** Asks for part of the log. */
export interface ReadOptions {
  /** Where to read; the empty DN, with children, means everything. */
  readonly dn: string;
  /** Also what lies below the DN. */
  readonly withChildren?: boolean;
  /** How many kept entries to give, the newest ones; none if absent. */
  readonly backlog?: number | "all";
  /** Also what comes later. */
  readonly stream?: boolean;
  readonly onlyRaw?: boolean;
  readonly onlyLeveled?: boolean;
  /** Leaves out what is less severe, and raw entries, which have no severity. */
  readonly minimumSeverity?: Severity;
}

/** Options that contradict each other or make no sense. */
export class ReadError extends Error {
  override readonly name = "ReadError";
}

/** Throws {@link DnError} or {@link ReadError} on options that cannot be served. */
export function checkRead({ dn, backlog = 0, onlyRaw, onlyLeveled }: ReadOptions): void {
  if (dn !== "") checkDn(dn);
  if (onlyRaw && onlyLeveled) throw new ReadError("read log: only raw and only leveled entries");
  if (backlog !== "all" && !(Number.isInteger(backlog) && backlog >= 0)) {
    throw new ReadError(`read log: backlog of ${backlog} entries`);
  }
}

/** Whether entries of `dn` are asked for. */
export function includesDn({ dn: wanted, withChildren }: ReadOptions, dn: string): boolean {
  return withChildren ? isWithin(dn, wanted) : dn === wanted;
}

/** Whether an entry is asked for; backlog and stream both go by this. */
export function includesEntry(options: ReadOptions, entry: Entry): boolean {
  if (!includesDn(options, entry.dn)) return false;
  if (entry.kind === "raw") return !options.onlyLeveled && options.minimumSeverity === undefined;
  if (options.onlyRaw) return false;
  return isAtLeast(entry.severity, options.minimumSeverity ?? "info");
}
