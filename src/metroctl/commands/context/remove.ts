// `metroctl context remove <name>`: forgets a cluster and the keys for it.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { configFolder, contextNames, forgetContext } from "../../session/context.ts";
import { confirm } from "../../session/prompt.ts";

export default defineCommand({
  meta: { name: "remove", description: "Forget a context and its keys" },
  args: {
    config: clusterArgs.config,
    yes: { type: "boolean", alias: "y", description: "Do not ask" },
    name: { type: "positional", required: true, description: "Name of the context" },
  },
  async run({ args }) {
    const config = configFolder(args.config);
    if (!contextNames(config).includes(args.name))
      throw new UserError(`no context ${args.name}: metroctl context list prints those there are`);
    const question = `The owner key of context ${args.name} will be lost. Go on (yes/no)? `;
    if (args.yes !== true && !(await confirm(question, "--yes")))
      throw new UserError("nothing was removed");
    forgetContext(config, args.name);
    answer(`Removed context ${args.name}`);
  },
});
