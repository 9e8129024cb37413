// What a program may do, held by the kernel: an account, capabilities, a view of the file system, a
// filter of system calls, and never more than it began with.
//
//   confinement ──► filter.ts ──► file of a BPF program ─┐
//               └─► setpriv.ts ─► arguments ─────────────┴─► setpriv ══ becomes ══► the program
//
// Which program may do what is said elsewhere, as data (image/programs.ts).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Capability } from "./capabilities.ts";
import { type FilterOptions, systemCallFilter } from "./filter.ts";
import { type Account, setprivArguments, type View } from "./setpriv.ts";

export { type Capability, capabilities, parseCapabilities } from "./capabilities.ts";
export type { Account, View } from "./setpriv.ts";
export type { SystemCallGroup } from "./system-calls.ts";

/** What a program may do. An absent part is not restricted. */
export interface Confinement {
  readonly account?: Account;
  readonly capabilities: readonly Capability[];
  readonly systemCalls?: FilterOptions;
  readonly view?: View;
}

/** What confines: tests and workstations have their own. */
export interface Confiner {
  /** The path of setpriv, of util-linux 2.41 or newer. */
  readonly setpriv: string;
  /** A folder for filters that only we can write to; made if missing. */
  readonly filters: string;
}

/** The command that runs `argv` confined; the program must be a path, under the name it shall have. */
export function confinedCommand(
  { setpriv, filters }: Confiner,
  { systemCalls, ...privileges }: Confinement,
  argv: readonly string[],
): readonly string[] {
  const filter = systemCalls === undefined ? {} : { filter: filterFile(filters, systemCalls) };
  return [setpriv, ...setprivArguments({ ...privileges, ...filter }), ...argv];
}

/** Named for its content, so that one file serves all who have the same filter. */
function filterFile(folder: string, options: FilterOptions): string {
  const filter = systemCallFilter(options);
  const name = createHash("sha256").update(filter).digest("hex").slice(0, 16);
  const path = join(folder, `${name}.bpf`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeFileSync(`${path}.new`, filter, { mode: 0o644 });
  renameSync(`${path}.new`, path);
  return path;
}
