// `metroctl context use <name>`: chooses the cluster that commands speak to.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { configFolder, useContext } from "../../session/context.ts";

export default defineCommand({
  meta: { name: "use", description: "Choose the context that is used when --context is not given" },
  args: {
    config: clusterArgs.config,
    name: { type: "positional", required: true, description: "Name of the context" },
  },
  run({ args }) {
    useContext(configFolder(args.config), args.name);
    answer(`Using context ${args.name}`);
  },
});
