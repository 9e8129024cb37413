// `metroctl completion <shell>`: a completion script, made from the tree of commands.
import { defineCommand } from "citty";
import { argumentsOf, load, subCommands } from "../arguments.ts";
import { completionScript, type Words } from "../output/completion-script.ts";
import { answer } from "../output/message.ts";
import { root } from "../root.ts";

export default defineCommand({
  meta: { name: "completion", description: "Print a completion script for a shell" },
  args: {
    shell: { type: "positional", required: true, description: "bash, zsh or fish" },
  },
  async run({ args }) {
    answer(completionScript(args.shell, await gather(root, [])));
  },
});

/** What may follow each command: the commands below it, and its flags. */
async function gather(command: typeof root, path: readonly string[]): Promise<readonly Words[]> {
  const below = await subCommands(command);
  const flags = Object.entries(await argumentsOf(command))
    .filter(([, { type }]) => type !== "positional")
    .map(([name]) => `--${name}`);
  const own = { path, words: [...Object.keys(below), ...flags, "--help"] };
  const deeper = await Promise.all(
    Object.entries(below).map(async ([name, next]) => gather(await load(next), [...path, name])),
  );
  return [own, ...deeper.flat()];
}
