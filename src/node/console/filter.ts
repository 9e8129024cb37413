// Which entries a person in front of the machine wants to see.
import { type Entry, isAtLeast, isWithin, type Severity } from "../../base/logtree/logtree.ts";

/**
 * From which severity on talkative parts are shown. etcd warns of every request
 * that a slow disk held up, which would drown all else on a small machine.
 */
const quiet: readonly (readonly [string, Severity])[] = [
  ["root.consensus", "error"],
  ["supervisor", "warning"],
];

/**
 * Parts that fail every few seconds while nobody leads the cluster, of which others tell in
 * better words. What they themselves call an error is shown.
 */
const silent = ["root.roles"];

/** Parts that are shown in full all the same. */
const loud = ["root.roles.status", "root.roles.mesh", "root.roles.renewal"];

/** An entry as a console shows it: of talkative parts one line, and no traces of their stacks. */
export function forConsole(entry: Entry): Entry {
  const isTalkative = quiet.some(([dn]) => isWithin(entry.dn, dn));
  if (entry.kind === "raw" || !isTalkative) return entry;
  return { ...entry, messages: entry.messages.slice(0, 1) };
}

/** Whether an entry goes to the consoles: leveled ones, of talkative parts only trouble. */
export function isForConsole(entry: Entry): boolean {
  if (entry.kind === "raw") return false;
  // The kernel writes its own messages to the console itself.
  if (isWithin(entry.dn, "kernel")) return false;
  if (loud.some((dn) => isWithin(entry.dn, dn))) return true;
  if (silent.some((dn) => isWithin(entry.dn, dn))) return entry.severity === "error";
  const minimum = quiet.find(([dn]) => isWithin(entry.dn, dn))?.[1] ?? "info";
  return isAtLeast(entry.severity, minimum);
}
