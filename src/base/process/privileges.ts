// In words, what a running program may do: for the log, where operators and tests look.
import { parseCapabilities } from "../confinement/confinement.ts";
import { processStatus } from "../linux/process-status.ts";

/** Above so many a list of capabilities says less than their number. */
const MOST_NAMED = 8;

/** Like `user 102, no capabilities, no new privileges, filtered`; undefined where it has ended. */
export function describePrivileges(pid: number): string | undefined {
  const status = processStatus(pid);
  if (status === undefined) return undefined;
  const { uid, bounding, hasNoNewPrivileges, filters } = status;
  return [
    `user ${uid}`,
    capabilityWords(parseCapabilities(bounding)),
    hasNoNewPrivileges ? "no new privileges" : "new privileges possible",
    filters > 0 ? "filtered" : "not filtered",
  ].join(", ");
}

/** What it can have at most: what it has now may be less at any moment. */
function capabilityWords(names: readonly string[]): string {
  if (names.length === 0) return "no capabilities";
  if (names.length > MOST_NAMED) return `${names.length} capabilities`;
  return `capabilities ${names.join(" ")}`;
}
