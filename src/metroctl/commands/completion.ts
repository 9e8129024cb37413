// `metroctl completion <shell>`: a completion script, made from the tree of commands.
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { completionScript, type Words } from "../output/completion-script.ts";
import { answer } from "../output/message.ts";
import { clusterArgs } from "../session/cluster-args.ts";
import { argumentsOf, flagsOf, load, subCommands } from "./tree.ts";

/** The command that completes words of the tree below `root`. */
export function completion(root: CommandDef): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "completion", description: "Print a completion script for a shell" },
    args: {
      shell: { type: "positional", required: true, description: "bash, zsh or fish" },
    },
    async run({ args }) {
      answer(completionScript(String(args.shell), await gather(root, [])));
    },
  });
}

/** What may follow each command: the commands below it, and its flags. */
async function gather(command: CommandDef, path: readonly string[]): Promise<readonly Words[]> {
  const below = await subCommands(command);
  // Those that say which cluster may stand before the command, too.
  const flags = flagsOf(path.length === 0 ? clusterArgs : await argumentsOf(command));
  const names = [...new Set(flags.values())].map(({ name }) => `--${name}`);
  const valued = [...flags]
    .filter(([, { takesValue }]) => takesValue)
    .map(([word]) => dashed(word));
  const own = { path, words: [...Object.keys(below), ...names, "--help"], valued };
  const deeper = await Promise.all(
    Object.entries(below).map(async ([name, next]) => gather(await load(next), [...path, name])),
  );
  return [own, ...deeper.flat()];
}

function dashed(word: string): string {
  return word.length === 1 ? `-${word}` : `--${word}`;
}
