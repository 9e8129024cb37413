// Every program that the agent starts, as the table of programs wants it (image/programs.ts).
import type { Confiner } from "../../base/confinement/confinement.ts";
import { confinedCommand } from "../../base/confinement/confinement.ts";
import type { Confine, StartOptions } from "../../base/process/process.ts";
import { confinementOf, programs } from "../../image/image.ts";

/** Where init, too, keeps the filters. */
export const machineConfiner: Confiner = { setpriv: "/usr/bin/setpriv", filters: "/run/filters" };

/** A program that nobody has said anything about. */
export class UnknownProgramError extends Error {
  override readonly name = "UnknownProgramError";
}

/** Starts programs by their rows, from the verified system and nowhere else. */
export function confineByTable(confiner: Confiner = machineConfiner): Confine {
  return (program, options) => {
    const row = programs[program];
    if (row === undefined) {
      throw new UnknownProgramError(`start ${program}: it has no row in the table of programs`);
    }
    const { argv, argv0: _, ...rest } = options;
    const args = argv.slice(1);
    const command = confinedCommand(confiner, confinementOf(row, args), [row.path, ...args]);
    return { ...rest, argv: command } satisfies StartOptions;
  };
}
