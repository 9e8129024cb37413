// The ways in which a command ends badly by the user's hand: it could not be done, it was not
// understood, or it was interrupted.

/** A command that failed for a reason its user can act on: one line, exit code 1. */
export class UserError extends Error {
  override readonly name: string = "UserError";
}

/** A command line that makes no sense as written: one line, exit code 2. */
export class UsageError extends UserError {
  override readonly name = "UsageError";
}

/** A command that Ctrl-C ended, and that says what is there now: one line, exit code 130. */
export class InterruptedError extends UserError {
  override readonly name = "InterruptedError";
}
