// `metroctl cluster start <name>`: powers a stopped local cluster on again, or those of its machines
// that were switched off.
import { defineCommand } from "citty";
import { listClusters, openCluster, startCluster } from "../../../launcher/launcher.ts";
import { answer } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { ContextFolder, configFolder } from "../../session/context.ts";

export default defineCommand({
  meta: { name: "start", description: "Power a local cluster on again, or what is off of it" },
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
    const cluster = await running(args.name);
    const off = (await cluster.status()).filter(({ isOn }) => !isOn);
    if (off.length === 0) throw new UserError(`cluster ${args.name} runs already`);
    for (const { number } of off) await cluster.machine(number).powerOn();
    const context = new ContextFolder(configFolder(args.config), args.name);
    // The proxy has a new port after every start.
    context.saveReach({ ...context.reach(), proxy: cluster.proxy });
    answer(`Started cluster ${cluster.name}`);
  },
});

/** The cluster, whose network may have gone on when its machines were switched off. */
async function running(name: string) {
  const found = (await listClusters()).find((cluster) => cluster.name === name);
  return found?.machines === undefined ? startCluster(name) : openCluster(name);
}
