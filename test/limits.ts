// How long a test may take, by where its file is. Processors that others share take their time:
// a limit is for what hangs. Those of tests themselves go before.
import { join, relative } from "node:path";

const UNIT_MS = 60_000;
const PROCESSES_MS = 300_000;
/** VM tests boot machines under emulation: minutes, not seconds. */
const MACHINES_MS = 20 * 60_000;

/** By the beginning of a file's path; the first that fits counts. */
const limits: readonly (readonly [string, number])[] = [
  ["test/image", MACHINES_MS],
  ["test/vm", MACHINES_MS],
  ["test", PROCESSES_MS],
  ["", UNIT_MS],
];

/** The limit of the tests of a file or folder, in milliseconds. */
export function limitMs(tests: string): number {
  const path = relative(join(import.meta.dirname, ".."), tests);
  return limits.find(([beginning]) => path.startsWith(beginning))?.[1] ?? UNIT_MS;
}
