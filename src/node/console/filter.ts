// Which entries a person in front of the machine wants to see.
import { type Entry, isAtLeast, isWithin } from "../../base/logtree/logtree.ts";

/** Talkative parts, of which only trouble is shown. */
const quiet = ["root.roles", "root.consensus", "root.curator", "kernel", "supervisor"];

/** Parts that are shown in full all the same. */
const loud = ["root.roles.status"];

/** Whether an entry goes to the consoles: leveled ones, of talkative parts only warnings and worse. */
export function isForConsole(entry: Entry): boolean {
  if (entry.kind === "raw") return false;
  // The kernel writes its own messages to the console itself.
  if (isWithin(entry.dn, "kernel")) return false;
  const isQuiet =
    quiet.some((dn) => isWithin(entry.dn, dn)) && !loud.some((dn) => isWithin(entry.dn, dn));
  return !isQuiet || isAtLeast(entry.severity, "warning");
}
