// Why a machine cannot be installed.

/** A reason, told in whole sentences to the person in front of the machine, and what to do. */
export class InstallerError extends Error {
  override readonly name = "InstallerError";
}
