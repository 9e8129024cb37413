// What happens over time, and how to wait for it: a watchable latest value, a
// fair lock, a run that many share, a sleep. Subsystems meet through these instead of calling each
// other: one side sets a value, any number of others watch it. Whatever waits
// takes an AbortSignal and throws the signal's reason when that aborts, so that
// the supervisor can tell a cancelled runnable from a failed one.
export { Lock, NamedLocks } from "./lock.ts";
export { afterRunning } from "./running-time.ts";
export { SharedRun } from "./shared-run.ts";
export { sleep } from "./sleep.ts";
export { Value } from "./value.ts";
export { within } from "./within.ts";
