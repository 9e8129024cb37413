// `metroctl cluster start <name>`: powers a stopped local cluster on again.
import { defineCommand } from "citty";
import { startCluster } from "../../../launcher/launcher.ts";
import { answer } from "../../output/message.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { ContextFolder, configFolder } from "../../session/context.ts";

export default defineCommand({
  meta: { name: "start", description: "Power a stopped local cluster on again" },
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
    const cluster = await startCluster(args.name);
    for (const machine of cluster.machines) await machine.powerOn();
    const context = new ContextFolder(configFolder(args.config), args.name);
    // The proxy has a new port after every start.
    context.saveReach({ ...context.reach(), proxy: cluster.proxy });
    answer(`Started cluster ${cluster.name}`);
  },
});
