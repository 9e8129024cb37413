// The room's error.

/** A runnable broke a rule of supervision, or the tree could not be stopped in time. */
export class SupervisorError extends Error {
  override readonly name = "SupervisorError";

  constructor(
    readonly dn: string,
    reason: string,
  ) {
    super(`supervise ${dn}: ${reason}`);
  }
}
