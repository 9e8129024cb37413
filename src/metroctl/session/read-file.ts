// Reading the operator's files, which may not be there, or be something else than a file.
import { readFileSync } from "node:fs";
import { UserError } from "../output/user-error.ts";

/** A file's text, or nothing where there is no such file. Throws a {@link UserError} that names it. */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new UserError(`read ${path}`, { cause });
  }
}

/** Whether an error says that nothing is at a path. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
