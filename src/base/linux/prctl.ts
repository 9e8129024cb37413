// prctl(2): what a process may say about itself.
import { ptr } from "bun:ffi";
import { check, cString, libc } from "./syscall.ts";

const SET_NAME = 15;
const SET_DUMPABLE = 4;
const SET_CHILD_SUBREAPER = 36;

/** Makes this process the parent of orphans among its descendants. PID 1 needs no such thing. */
export function becomeSubreaper(): void {
  check(libc().prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "child subreaper");
}

/** Names the calling thread, as process listings show it: at most 15 bytes. */
export function setProcessName(name: string): void {
  const text = cString(name);
  check(libc().prctl(SET_NAME, ptr(text), 0, 0, 0), "prctl", `name ${name}`);
}

/**
 * Forbids core dumps and tracing of this process, for it holds keys: from now on what /proc has of
 * it is root's. A program that it becomes has to do so again. Other systems than Linux have nothing
 * of the kind, and nothing is done there.
 */
export function forbidDumps(): void {
  if (process.platform !== "linux") return;
  check(libc().prctl(SET_DUMPABLE, 0, 0, 0, 0), "prctl", "dumpable");
}
