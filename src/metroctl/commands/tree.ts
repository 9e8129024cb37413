// The tree of commands as a value: what is below a command, and what it takes.
// citty allows each of these to be a promise or a function, so that nothing is
// loaded before it is needed.
import type { ArgsDef, CommandDef, SubCommandsDef } from "citty";

/** A value that may be given as is, as a promise, or by a function that loads it. */
type Loadable<T> = T | Promise<T> | (() => T) | (() => Promise<T>);

/** Gives the value behind any of citty's lazy forms. */
export async function load<T>(value: Loadable<T>): Promise<T> {
  return value instanceof Function ? value() : value;
}

/** The commands below one, by name; none for a leaf. */
export async function subCommands(command: CommandDef): Promise<SubCommandsDef> {
  return (await load<SubCommandsDef | undefined>(command.subCommands)) ?? {};
}

/** The arguments of one command, by name. */
export async function argumentsOf(command: CommandDef): Promise<ArgsDef> {
  return (await load<ArgsDef | undefined>(command.args)) ?? {};
}

/** What a word with a dash means. */
export interface Flag {
  readonly name: string;
  readonly takesValue: boolean;
}

/** The flags among some arguments, by name and alias. */
export function flagsOf(definitions: ArgsDef): ReadonlyMap<string, Flag> {
  const known = new Map<string, Flag>();
  for (const [name, argument] of Object.entries(definitions)) {
    if (argument.type === "positional") continue;
    const aliases = "alias" in argument ? [argument.alias ?? []].flat() : [];
    const flag = { name, takesValue: argument.type !== "boolean" };
    for (const word of [name, ...aliases]) known.set(word, flag);
  }
  return known;
}
