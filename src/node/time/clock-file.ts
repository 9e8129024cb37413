// When the clock was last believed, kept on the ESP: there before anything is unlocked.
import { readFileSync } from "node:fs";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";

/** The kernel takes no time that is much later, and whoever has the disk can write anything. */
const LATEST = Date.parse("2200-01-01T00:00:00Z");

/** What it says, in milliseconds since 1970; undefined where it says nothing. */
export function readClockFile(path: string): number | undefined {
  try {
    const time = Date.parse(readFileSync(path, "utf8").trim());
    return time < LATEST ? time : undefined;
  } catch {
    // Not written yet, or the ESP is broken: then nothing is known.
    return undefined;
  }
}

/** Replaces it. */
export async function writeClockFile(path: string, now: number): Promise<void> {
  await writeFileAtomic(path, `${new Date(now).toISOString()}\n`, 0o644);
}
