// What becomes of a command whose output cannot be written. Where its reader has gone, as in
// `| head -1`, it ends at once and says nothing, as programs do that a signal ends; where there
// is no room, one line says so. What goes to standard error is not worth ending anything for.
import { writeSync } from "node:fs";
import { isReaderGone } from "../../base/linux/poll.ts";

/** As the shell counts a program that SIGPIPE ended. */
const BROKEN_PIPE = 141;
const FAILED = 1;
const LOOK_MS = 200;

/** Listens for failures of both streams, for the whole of a command. */
export function guardOutput(): void {
  process.stdout.on("error", endWithoutOutput);
  process.stderr.on("error", () => {});
}

/** Ends a command that follows something once nobody reads it, also while it writes nothing. */
export function endWithReader(): void {
  const look = () => {
    if (isReaderGone(process.stdout.fd)) process.exit(BROKEN_PIPE);
  };
  setInterval(look, LOOK_MS).unref();
}

/** Writes to standard output. Does not return where that fails at once. */
export function writeOutput(content: string | Uint8Array): void {
  try {
    process.stdout.write(content);
  } catch (error) {
    endWithoutOutput(error);
  }
}

function endWithoutOutput(error: unknown): never {
  if (codeOf(error) === "EPIPE") process.exit(BROKEN_PIPE);
  const reason = error instanceof Error ? error.message : String(error);
  try {
    // Before the process ends, which process.stderr does not promise.
    writeSync(process.stderr.fd, `Error: write to standard output: ${reason}\n`);
  } catch {
    // Standard error is often the same file. The exit code tells.
  }
  process.exit(FAILED);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
