// The help of one command: what it is for, how it is called, what it takes,
// or the commands below it. Laid out here and not by citty, which pads every
// line to the longest of all, so that a terminal of 80 columns breaks them.
import type { ArgDef, ArgsDef } from "citty";

/** What the help of a command is made of. */
export interface Usage {
  /** The words that call it: `metroctl node list`. */
  readonly name: string;
  readonly description: string;
  readonly args: ArgsDef;
  /** Positional arguments that take as many words as there are. */
  readonly many: ReadonlySet<string>;
  /** The commands below it, with their descriptions. */
  readonly commands: readonly (readonly [name: string, description: string])[];
}

/** How the help looks. */
export interface Look {
  /** Columns of the terminal. */
  readonly width: number;
  readonly isStyled: boolean;
}

type Entry = readonly [left: string, right: string];

const INDENT = 2;
const GAP = 3;

/** A left column that is wider stands on a line of its own, above what it means. */
const WIDEST_LEFT = 32;

/** Lays the help of a command out as text. */
export function renderUsage(usage: Usage, look: Look): string {
  const bold = (text: string) => (look.isStyled ? `\u001b[1m${text}\u001b[22m` : text);
  const isGroup = usage.commands.length > 0;
  const positional = Object.entries(usage.args).filter(([, arg]) => arg.type === "positional");
  const flags = Object.entries(usage.args).filter(([, arg]) => arg.type !== "positional");
  const words = positional.map(([name, arg]) => placeholder(name, arg, usage.many));
  const call = isGroup ? ["<command>"] : [...(flags.length > 0 ? ["[OPTIONS]"] : []), ...words];
  const sections: readonly (readonly [string, readonly Entry[]])[] = [
    ["ARGUMENTS", positional.map(([name, arg]) => [name.toUpperCase(), meaning(arg)])],
    ["OPTIONS", isGroup ? [] : [...flags.map(flagEntry), ["-h, --help", "Print this"]]],
    ["COMMANDS", usage.commands],
  ];
  const blocks = sections
    .filter(([, entries]) => entries.length > 0)
    .map(([title, entries]) => `${bold(title)}\n${columns(entries, look.width)}`);
  return [
    usage.description,
    `${bold("USAGE")}  ${[usage.name, ...call].join(" ")}`,
    ...blocks,
    ...(isGroup ? [`${usage.name} <command> --help tells more about a command.`] : []),
  ].join("\n\n");
}

function placeholder(name: string, arg: ArgDef, many: ReadonlySet<string>): string {
  const word = `${name.toUpperCase()}${many.has(name) ? "…" : ""}`;
  return isRequired(arg) ? `<${word}>` : `[${word}]`;
}

function isRequired(arg: ArgDef): boolean {
  return arg.required !== false && arg.default === undefined;
}

function flagEntry([name, arg]: readonly [string, ArgDef]): Entry {
  const aliases = "alias" in arg ? [arg.alias ?? []].flat() : [];
  const short = aliases.map((alias) => `-${alias}, `).join("");
  return [`${short}--${name}${hint(name, arg)}`, meaning(arg)];
}

function hint(name: string, arg: ArgDef): string {
  if (arg.type === "boolean") return "";
  if (arg.type === "enum") return `=<${(arg.options ?? []).join("|")}>`;
  return `=<${arg.valueHint ?? name}>`;
}

function meaning(arg: ArgDef): string {
  const description = arg.description ?? "";
  const isTold = arg.default !== undefined && arg.default !== "" && arg.type !== "boolean";
  return isTold ? `${description} (default: ${arg.default})` : description;
}

function columns(entries: readonly Entry[], width: number): string {
  const narrow = entries.map(([left]) => left.length).filter((length) => length <= WIDEST_LEFT);
  const column = INDENT + Math.max(0, ...narrow) + GAP;
  return entries
    .flatMap(([left, right]) => {
      const lines = wrap(right, width - column).map((line) => `${" ".repeat(column)}${line}`);
      if (left.length > WIDEST_LEFT) return [`${" ".repeat(INDENT)}${left}`, ...lines];
      const [first = "", ...more] = lines;
      return [`${" ".repeat(INDENT)}${left}`.padEnd(column) + first.slice(column), ...more];
    })
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Breaks a text between words; a terminal too narrow for that breaks it itself. */
function wrap(text: string, width: number): readonly string[] {
  if (width < 20) return [text];
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
