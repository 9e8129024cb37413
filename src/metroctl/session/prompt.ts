// Questions to the person at the terminal.
import { createInterface } from "node:readline/promises";
import { UserError } from "../output/user-error.ts";

/**
 * Asks, and tells whether the answer was exactly `yes`.
 *
 * Throws a {@link UserError} when nobody is there to answer.
 */
export async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true)
    throw new UserError(`${question.trim()} — nobody can answer: standard input is no terminal`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim().toLowerCase() === "yes";
  } finally {
    terminal.close();
  }
}
