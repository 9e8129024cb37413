// The one error of the launcher: a message for the person who wanted a machine.

/** Raised when a cluster or machine cannot do what was asked. */
export class LauncherError extends Error {
  override readonly name = "LauncherError";
}
