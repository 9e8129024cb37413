// `metroctl node describe [ids…]`: what the cluster knows of its nodes.
import { defineCommand } from "citty";
import { nodeColumns, nodeRecord, nodeRow } from "../../output/node-row.ts";
import { outputArgs, print } from "../../output/print.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { filterArgs, selectNodes } from "../../session/node-selection.ts";

export default defineCommand({
  meta: { name: "describe", description: "Describe nodes" },
  args: { ...clusterArgs, ...outputArgs, ...filterArgs },
  async run({ args }) {
    using cluster = await openCluster(args);
    const nodes = await selectNodes(cluster, args._, args.filter);
    await print(args, nodes.map(nodeRow), nodes.map(nodeRecord), nodeColumns);
  },
});
