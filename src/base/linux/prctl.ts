// prctl(2): what a process may say about itself.
import { check, libc } from "./syscall.ts";

const SET_DUMPABLE = 4;

/**
 * Forbids core dumps and tracing of this process, for it holds keys: from now on what /proc has of
 * it is root's. A program that it becomes has to do so again. Other systems than Linux have nothing
 * of the kind, and nothing is done there.
 */
export function forbidDumps(): void {
  if (process.platform !== "linux") return;
  check(libc().prctl(SET_DUMPABLE, 0, 0, 0, 0), "prctl", "dumpable");
}
