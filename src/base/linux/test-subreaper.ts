// Lets a test have orphans to reap, which otherwise go to PID 1.
import { check, libc } from "./syscall.ts";

const SET_CHILD_SUBREAPER = 36;

/** Makes this process the parent of orphans among its descendants (prctl(2)). */
export function becomeSubreaper(): void {
  check(libc().prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "child subreaper");
}
