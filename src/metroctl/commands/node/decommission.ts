// `metroctl node decommission <ids…>`: takes nodes out of service in good order.
// They lose their roles, leave consensus, and can then be deleted.
import { defineCommand } from "citty";
import { say } from "../../output/message.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { eachNode } from "../../session/each-node.ts";

/** Leaving consensus takes as long as the other members need. */
const TIMEOUT_MS = 5 * 60_000;

export default defineCommand({
  meta: { name: "decommission", description: "Take nodes out of service in good order" },
  args: {
    ...clusterArgs,
    ids: { type: "positional", required: true, description: "Node IDs" },
  },
  async run({ args }) {
    using cluster = await openCluster(args);
    const work = { title: "decommission", done: "Decommissioned node" };
    await eachNode(args._, work, async (id) => {
      const { roles } = await cluster.node(id);
      if (roles?.consensusMember !== undefined) say(`Node ${id} leaves consensus ...`);
      const request = { node: { case: "id" as const, value: id } };
      await cluster.management.decommissionNode(request, { timeoutMs: TIMEOUT_MS });
    });
  },
});
