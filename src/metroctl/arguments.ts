// From the words on the command line to one command and its arguments. citty
// parses values, but it takes unknown flags for granted, keeps only the last of
// repeated ones, and hands a flag before the command to the root alone. So the
// words are checked and put into citty's order first.
import type { ArgsDef, CommandDef } from "citty";
import { argumentsOf, type Flag, flagsOf, load, subCommands } from "./commands/tree.ts";
import { UsageError } from "./output/user-error.ts";

/** A command found on the command line. */
export interface Found {
  readonly command: CommandDef;
  /** The words that name it: `["node", "list"]`. */
  readonly path: readonly string[];
  /** Everything else, in an order that citty understands. */
  readonly rawArgs: readonly string[];
  /** Whether `--help` or `-h` stood anywhere. */
  readonly wantsHelp: boolean;
}

/** Flags whose repetitions add up, as in `--endpoints a --endpoints b,c`. */
const lists = new Set(["endpoints", "columns", "label"]);

/** Positional arguments that take as many words as there are. */
export const many: ReadonlySet<string> = new Set(["ids", "labels", "values", "addresses"]);

/**
 * Finds the command that the words mean. Flags in `shared` may also stand
 * before their command.
 *
 * Throws a {@link UsageError} for a command or flag that does not exist, a flag
 * without its value, and words too many.
 */
export async function find(
  words: readonly string[],
  root: CommandDef,
  shared: ArgsDef,
): Promise<Found> {
  const reader = new Reader(root, flagsOf(shared));
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      reader.rest.push(...words.slice(at + 1));
      break;
    }
    if (word === "--help" || word === "-h") reader.wantsHelp = true;
    else if (!word.startsWith("-") || word === "-") await reader.takeWord(word);
    else if (await reader.takeFlag(word, words[at + 1])) at++;
  }
  return reader.finish();
}

/** The state of reading a command line from left to right. */
class Reader {
  wantsHelp = false;
  readonly rest: string[] = [];
  readonly #path: string[] = [];
  readonly #values = new Map<string, string | undefined>();
  #command: CommandDef;
  readonly #shared: ReadonlyMap<string, Flag>;

  constructor(root: CommandDef, shared: ReadonlyMap<string, Flag>) {
    this.#command = root;
    this.#shared = shared;
  }

  get #whole(): string {
    return ["metroctl", ...this.#path].join(" ");
  }

  /** The next word: a command while there are any below, else an argument. */
  async takeWord(word: string): Promise<void> {
    const below = this.rest.length > 0 ? {} : await subCommands(this.#command);
    const chosen = below[word];
    if (chosen !== undefined) {
      this.#command = await load<CommandDef>(chosen);
      this.#path.push(word);
      return;
    }
    if (Object.keys(below).length > 0) {
      const names = Object.keys(below).join(", ");
      throw new UsageError(`${this.#whole} has no command ${word}: there are ${names}`);
    }
    this.rest.push(word);
  }

  /** A flag, and whether it took the next word as its value. */
  async takeFlag(word: string, next: string | undefined): Promise<boolean> {
    const [, name = "", own] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const known = new Map([...this.#shared, ...flagsOf(await argumentsOf(this.#command))]);
    const flag = known.get(name);
    if (flag === undefined) throw new UsageError(this.#unknown(word, known));
    const value = flag.takesValue ? (own ?? next) : own;
    if (flag.takesValue && value === undefined)
      throw new UsageError(`--${flag.name} needs a value: --${flag.name}=<${flag.name}>`);
    this.#set(flag.name, value);
    return flag.takesValue && own === undefined;
  }

  #set(name: string, value: string | undefined): void {
    const before = this.#values.get(name);
    const isAdded = before !== undefined && lists.has(name);
    this.#values.set(name, isAdded ? `${before},${value}` : value);
  }

  #unknown(word: string, known: ReadonlyMap<string, Flag>): string {
    const names = [...new Set([...known.values()].map(({ name }) => `--${name}`))].join(", ");
    return `${this.#whole} has no flag ${word}: there are ${names}`;
  }

  async finish(): Promise<Found> {
    const own = await argumentsOf(this.#command);
    const isLeaf = Object.keys(await subCommands(this.#command)).length === 0;
    const found = { command: this.#command, path: this.#path, wantsHelp: this.wantsHelp };
    if (this.wantsHelp || !isLeaf) return { ...found, rawArgs: [] };
    this.#refuseForeign(own);
    this.#refuseSurplus(own);
    const flags = [...this.#values].map(([name, value]) =>
      value === undefined ? `--${name}` : `--${name}=${value}`,
    );
    return { ...found, rawArgs: [...flags, "--", ...this.rest] };
  }

  /** A shared flag that stood before a command which has no use for it. */
  #refuseForeign(own: ArgsDef): void {
    const foreign = [...this.#values.keys()].find((name) => !(name in own));
    if (foreign !== undefined) throw new UsageError(`${this.#whole} has no flag --${foreign}`);
  }

  #refuseSurplus(own: ArgsDef): void {
    const names = Object.keys(own).filter((name) => own[name]?.type === "positional");
    if (names.some((name) => many.has(name)) || this.rest.length <= names.length) return;
    throw new UsageError(`${this.#whole}: unexpected ${this.rest.slice(names.length).join(" ")}`);
  }
}
