// Questions to the person at the terminal.
import { createInterface } from "node:readline/promises";
import { InterruptedError, UserError } from "../output/user-error.ts";

/**
 * Asks, and tells whether the answer was exactly `yes`.
 *
 * Throws a {@link UserError} when nobody is there to answer, with the `flag` that answers instead.
 */
export async function confirm(question: string, flag?: "--yes"): Promise<boolean> {
  const instead = flag === undefined ? "" : `; ${flag} answers it`;
  if (process.stdin.isTTY !== true)
    throw new UserError(
      `${question.trim()} — nobody can answer: standard input is no terminal${instead}`,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim().toLowerCase() === "yes";
  } catch (error) {
    // The terminal takes both as keys. The line with the question has no end yet.
    process.stderr.write("\n");
    if (String(error).includes("Ctrl+D")) return false;
    throw new InterruptedError("interrupted: the question was not answered");
  } finally {
    terminal.close();
  }
}
