// How to start our own executable in another of its roles.
import { fileURLToPath } from "node:url";
import type { StartOptions } from "./group.ts";

/** The path of the running executable; when run from source, that of Bun. */
export const self: string = process.execPath;

/** Whether we run as the compiled executable, whose source lies in a file system of its own. */
export const isCompiled: boolean = import.meta.url.includes("/$bunfs/");

/**
 * What starts our executable in another role, with arguments.
 *
 * Compiled, the role is the name the program is started under. From source that
 * name belongs to Bun (under the name `node` it would even behave like Node),
 * so the role goes by the variable METROPOLIS_ROLE, which src/main.ts reads.
 */
export function roleCommand(
  role: string,
  args: readonly string[] = [],
): Pick<StartOptions, "argv"> & Partial<Pick<StartOptions, "argv0" | "env" | "program">> {
  if (isCompiled) return { argv: [self, ...args], argv0: role };
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  return { argv: [self, main, ...args], env: { METROPOLIS_ROLE: role }, program: role };
}
