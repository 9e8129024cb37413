// `metroctl cluster destroy <name>`: ends a local cluster; its disks and the
// context with its keys go too.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { configFolder } from "../../session/context.ts";
import { destroyLocalCluster } from "../../session/local-cluster.ts";

export default defineCommand({
  meta: { name: "destroy", description: "End a local cluster and remove its files" },
  args: {
    config: clusterArgs.config,
    name: {
      type: "positional",
      required: false,
      default: "local",
      description: "Name of the cluster",
    },
  },
  async run({ args }) {
    await destroyLocalCluster(configFolder(args.config), args.name);
    answer(`Destroyed cluster ${args.name}`);
  },
});
