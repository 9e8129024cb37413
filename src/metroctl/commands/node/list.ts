// `metroctl node list [ids…]`: the IDs of nodes.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { nodeRecord } from "../../output/node-row.ts";
import { outputArgs, print } from "../../output/print.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { filterArgs, selectNodes } from "../../session/node-selection.ts";

export default defineCommand({
  meta: { name: "list", description: "List the IDs of nodes" },
  args: { ...clusterArgs, output: outputArgs.output, ...filterArgs },
  async run({ args }) {
    using cluster = await openCluster(args);
    const nodes = await selectNodes(cluster, args._, args.filter);
    if (args.output !== "table") return print(args, [], nodes.map(nodeRecord));
    for (const { id } of nodes) answer(id);
  },
});
