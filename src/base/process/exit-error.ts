// The room's error: a program did not do what it was started for.
import type { ExitStatus } from "./child.ts";

/** How much of what a program said on stderr is kept, in characters. */
const STDERR_KEPT = 4_096;

/** Longest part of it that goes into a message. */
const QUOTED = 500;

/** A program could not start, ended badly, or ended although it should run. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;

  constructor(
    /** Its name, without folders and arguments. */
    readonly program: string,
    status: ExitStatus,
    stderr: string,
    how: string = describe(status),
  ) {
    const last = stderr.trimEnd().slice(-QUOTED);
    super(`${program} ${how}${last === "" ? "" : `: ${last}`}`);
    ({ exitCode: this.exitCode, signal: this.signal } = status);
    this.stderr = stderr.slice(-STDERR_KEPT);
  }
}

/** How a program ended, in words. */
export function describe({ exitCode, signal }: ExitStatus): string {
  return signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
}
