// `metroctl node delete <id>`: removes a node from the cluster for good.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";

export default defineCommand({
  meta: { name: "delete", description: "Remove a node from the cluster for good" },
  args: {
    ...clusterArgs,
    "bypass-has-roles": { type: "boolean", description: "Even if it still has roles" },
    "bypass-not-decommissioned": {
      type: "boolean",
      description: "Even if it was not decommissioned",
    },
    node: { type: "positional", required: true, description: "ID of the node" },
  },
  async run({ args }) {
    using cluster = await openCluster(args);
    const { id } = await cluster.node(args.node);
    await cluster.management.deleteNode({
      node: { case: "id", value: id },
      ...(args["bypass-has-roles"] ? { safetyBypassHasRoles: {} } : {}),
      ...(args["bypass-not-decommissioned"] ? { safetyBypassNotDecommissioned: {} } : {}),
    });
    answer(`Deleted node ${id}`);
  },
});
