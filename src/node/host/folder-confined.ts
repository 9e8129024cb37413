// The table of programs where a node is a plain process on somebody's machine: as much of it as
// works there. Accounts never do, for an ordinary user has but one, and files of the workstation are
// everybody's to read; no_new_privs, capabilities, filters and what may be written mostly do.
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type Confinement,
  type Confiner,
  confinedCommand,
} from "../../base/confinement/confinement.ts";
import { type Confine, ExitError, run, self } from "../../base/process/process.ts";
import { confinementOf, programs } from "../../image/image.ts";
import { UnknownProgramError } from "./confined.ts";
import type { Place } from "./place.ts";

/** Parts of a confinement that a host may be without. */
export interface Parts {
  readonly hasFilters: boolean;
  readonly hasViews: boolean;
}

/** From all to next to nothing. */
const FALLBACKS: readonly Parts[] = [
  { hasFilters: true, hasViews: true },
  { hasFilters: true, hasViews: false },
  { hasFilters: false, hasViews: true },
  { hasFilters: false, hasViews: false },
];

/** What a program may do here, of what it may do on a machine. */
export function confinementHere(
  { systemCalls, view, capabilities }: Confinement,
  folder: string,
  { hasFilters, hasViews }: Parts,
): Confinement {
  const everything = { reads: ["/"], writes: ["/dev", "/proc"], starts: ["/"] };
  const writes = view?.writes.filter((path) => !/^\/(dev|proc)\//.test(path)) ?? [];
  const here = writes.map((path) => join(folder, path));
  return {
    capabilities,
    ...(hasFilters && systemCalls && { systemCalls }),
    ...(hasViews && view && { view: { ...everything, writes: [...everything.writes, ...here] } }),
  };
}

/** How much works: a command under it can read our own executable. Undefined: nothing does. */
export async function partsHere(confiner: Confiner, folder: string): Promise<Parts | undefined> {
  const confinement = confinementOf(programs.curator ?? raise("curator"));
  for (const parts of FALLBACKS) {
    const here = confinementHere(confinement, folder, parts);
    try {
      await run(confinedCommand(confiner, here, ["/usr/bin/test", "-r", self]));
      return parts;
    } catch (error) {
      if (!(error instanceof ExitError)) throw error;
    }
  }
  return undefined;
}

function raise(program: string): never {
  throw new UnknownProgramError(`start ${program}: it has no row in the table of programs`);
}

/** What confines below a folder. The build puts setpriv beside etcd; that of the host may be older. */
export function confinerHere({ folder, programs: beside }: Place): Confiner {
  const own = join(beside, "setpriv");
  return { setpriv: existsSync(own) ? own : "setpriv", filters: join(folder, "run/filters") };
}

/** Starts programs by their rows, as far as `parts` go. */
export function confineHere(confiner: Confiner, folder: string, parts: Parts): Confine {
  return (program, options) => {
    const { argv, argv0, ...rest } = options;
    const row = programs[program] ?? raise(program);
    const args = argv.slice(1);
    const path = argv0 === undefined ? (argv[0] ?? "") : named(folder, argv0, argv[0] ?? "");
    const here = confinementHere(confinementOf(row, args), folder, parts);
    return { ...rest, argv: confinedCommand(confiner, here, [path, ...args]) };
  };
}

/** setpriv gives a program the name of its path, and ours go by their names. */
function named(folder: string, name: string, path: string): string {
  const link = join(folder, "run/roles", name);
  mkdirSync(join(folder, "run/roles"), { recursive: true });
  if (!existsSync(link)) symlinkSync(path, link);
  return link;
}
