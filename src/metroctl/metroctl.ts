// The operator's command line. Thin on purpose: everything it does is a call of
// the Cluster API, which scripts should use directly.
//
//   words ──► arguments.ts ──► one of commands/ ──► session/: context, keys,
//                 │                                  connection to the leader
//                 └► usage, exit code 2                 │
//                                                       ▼
//   output/: answers on stdout (table, JSON, YAML), messages and progress on stderr
//
// Exit codes: 0 done, 1 failed, 2 not understood, 130 interrupted, 141 nobody reads the answer.
import { type CommandDef, runCommand } from "citty";
import { find, many } from "./arguments.ts";
import { argumentsOf, load, subCommands } from "./commands/tree.ts";
import { errorLine } from "./output/error-line.ts";
import { answerStyled, remark } from "./output/message.ts";
import { guardOutput } from "./output/output-guard.ts";
import { outputArgs } from "./output/print.ts";
import { renderUsage } from "./output/usage.ts";
import { InterruptedError, UsageError } from "./output/user-error.ts";
import { root } from "./root.ts";
import { clusterArgs } from "./session/cluster-args.ts";
import { INTERRUPTED } from "./session/interrupt.ts";

/** Runs one command line and gives the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    // The launcher's keeper is this executable again; its arguments are its own business.
    if (words[0] === "cluster" && words[1] === "keeper") return await keep(words.slice(2));
    guardOutput();
    process.once("SIGINT", interrupted);
    return await run(asOurs(words));
  } catch (error) {
    remark(`Error: ${errorLine(error)}`);
    return exitCode(error);
  } finally {
    process.off("SIGINT", interrupted);
  }
}

/** What people try first where they do not know metroctl yet, in its own words. */
function asOurs(words: readonly string[]): readonly string[] {
  const [first, ...rest] = words;
  if (first === "help") return [...rest, "--help"];
  return first === "--version" ? ["version", ...rest] : words;
}

function exitCode(error: unknown): number {
  if (error instanceof InterruptedError) return INTERRUPTED;
  return error instanceof UsageError ? 2 : 1;
}

/** Commands with something to undo hold it in `using` or listen for the signal themselves. */
function interrupted(): never {
  process.stderr.write(
    "\nInterrupted. What was acknowledged stays done; run the command again to finish.\n",
  );
  process.exit(INTERRUPTED);
}

async function keep(words: readonly string[]): Promise<number> {
  const { keeper } = await import("../launcher/launcher.ts");
  await keeper(words);
  return 0;
}

async function run(words: readonly string[]): Promise<number> {
  const found = await find(words, root, { ...clusterArgs, ...outputArgs });
  const below = await subCommands(found.command);
  if (found.wantsHelp || words.length === 0) {
    answerStyled(await usage(found.command, found.path));
    return 0;
  }
  if (Object.keys(below).length > 0) {
    const names = Object.keys(below).join(", ");
    throw new UsageError(`metroctl ${found.path.join(" ")}: name a command: ${names}`);
  }
  const name = ["metroctl", ...found.path].join(" ");
  await runCommand(found.command, { rawArgs: [...found.rawArgs] }).catch((error: unknown) => {
    throw isCittyError(error)
      ? new UsageError(`${plain(error.message)}: see ${name} --help`)
      : error;
  });
  return typeof process.exitCode === "number" ? process.exitCode : 0;
}

/** citty's own complaints: a missing argument, a value that is not among the options. */
function isCittyError(error: unknown): error is Error {
  return error instanceof Error && error.name === "CLIError";
}

/** citty colours its complaints wherever they go, and ends some with a full stop. */
function plain(message: string): string {
  return Bun.stripANSI(message).replace(/\.$/, "");
}

async function usage(command: CommandDef, path: readonly string[]): Promise<string> {
  const { description = "" } = await load(command.meta ?? {});
  const below = Object.entries(await subCommands(command)).map(async ([name, next]) => {
    const meta = await load((await load(next)).meta ?? {});
    return meta.hidden === true ? [] : [[name, meta.description ?? ""] as const];
  });
  const commands = (await Promise.all(below)).flat();
  const name = ["metroctl", ...path].join(" ");
  // What is the command's own first: the rest is the same everywhere.
  const all = Object.entries(await argumentsOf(command));
  const isShared = ([flag]: readonly [string, unknown]) => flag in clusterArgs;
  const own = all.filter((argument) => !isShared(argument));
  const args = Object.fromEntries([...own, ...all.filter(isShared)]);
  return renderUsage({ name, description, args, many, commands }, look());
}

/** 80 columns where nobody says how wide the terminal is; styles as no-color.org wants it. */
function look() {
  const { NO_COLOR = "", TERM } = process.env;
  const isStyled = process.stdout.isTTY === true && NO_COLOR === "" && TERM !== "dumb";
  return { width: process.stdout.columns || 80, isStyled };
}
