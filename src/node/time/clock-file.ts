// When the clock was last believed, kept on the ESP: there before anything is unlocked.
import { readFileSync } from "node:fs";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";

/** What it says, in milliseconds since 1970; undefined where it says nothing. */
export function readClockFile(path: string): number | undefined {
  try {
    const time = Date.parse(readFileSync(path, "utf8").trim());
    return Number.isNaN(time) ? undefined : time;
  } catch {
    // Not written yet, or the ESP is broken: then nothing is known.
    return undefined;
  }
}

/** Replaces it. */
export async function writeClockFile(path: string, now: number): Promise<void> {
  await writeFileAtomic(path, `${new Date(now).toISOString()}\n`, 0o644);
}
