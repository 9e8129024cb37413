// The file beside another one that is to take its place, named for the process that writes it.
// Who is killed leaves it behind: a whole medium, or a key, of which nobody would know.
import { readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A folder may be shared with another machine, whose processes are not seen from here. */
const SILENT_MS = 60_000;

/** Where what is to be at a path is written first. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/**
 * Removes what processes that are gone left beside a path. What cannot be seen or removed stays:
 * it is in nobody's way.
 */
export function removeAbandoned(path: string, now: number = Date.now()): void {
  for (const file of temporaryFiles(path)) {
    try {
      if (now - statSync(file).mtimeMs > SILENT_MS) rmSync(file, { force: true });
    } catch {
      // Somebody else was faster, or it is not ours.
    }
  }
}

function temporaryFiles(path: string): readonly string[] {
  const start = `${basename(path)}.`;
  const isAbandoned = (name: string) => {
    const [, pid] = /^(\d+)\.tmp$/.exec(name.slice(start.length)) ?? [];
    return name.startsWith(start) && pid !== undefined && !isAlive(Number(pid));
  };
  try {
    return readdirSync(dirname(path))
      .filter(isAbandoned)
      .map((name) => join(dirname(path), name));
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's is alive too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
