// What the end of an agent means. No I/O here.
import type { ExitStatus } from "../base/process/process.ts";

/** How a machine ends. */
export type Ending = "reboot" | "power off";

/** By these exit codes an agent asks for the machine's end. Everything else is a crash. */
const endings: Readonly<Record<number, Ending>> = { 64: "reboot", 65: "power off" };

/** The ending that an agent asked for, or undefined if it crashed. */
export function endingOf({ exitCode, signal }: ExitStatus): Ending | undefined {
  return signal === null && exitCode !== null ? endings[exitCode] : undefined;
}

/** How a program ended, for a sentence: `exited with code 1`. */
export function describeExit({ exitCode, signal }: ExitStatus): string {
  if (signal !== null) return `was killed by ${signal}`;
  return exitCode === null ? "could not be started" : `exited with code ${exitCode}`;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** An agent that lived this long had started well: its crash is a new story. */
const STEADY_MS = 120_000;

/** How long to wait before the next start: twice as long after each crash soon after a start. */
export function nextPause(previousMs: number, livedMs: number): number {
  if (previousMs === 0 || livedMs >= STEADY_MS) return FIRST_PAUSE_MS;
  return Math.min(previousMs * 2, LONGEST_PAUSE_MS);
}
