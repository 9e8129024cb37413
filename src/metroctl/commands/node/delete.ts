// `metroctl node delete <ids…>`: makes the cluster forget nodes for good.
import { defineCommand } from "citty";
import { Code, RpcError } from "../../../base/rpc/rpc.ts";
import { printable } from "../../output/printable.ts";
import { UserError } from "../../output/user-error.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { eachNode } from "../../session/each-node.ts";

export default defineCommand({
  meta: { name: "delete", description: "Remove nodes from the cluster for good" },
  args: {
    ...clusterArgs,
    "bypass-has-roles": { type: "boolean", description: "Even if it still has roles" },
    "bypass-not-decommissioned": {
      type: "boolean",
      description: "Even if it was not decommissioned",
    },
    ids: { type: "positional", required: true, description: "Node IDs" },
  },
  async run({ args }) {
    using cluster = await openCluster(args);
    const bypasses = {
      ...(args["bypass-has-roles"] ? { safetyBypassHasRoles: {} } : {}),
      ...(args["bypass-not-decommissioned"] ? { safetyBypassNotDecommissioned: {} } : {}),
    };
    await eachNode(args._, { title: "delete", done: "Deleted node" }, async (id) => {
      await cluster.node(id);
      await cluster.management
        .deleteNode({ node: { case: "id", value: id }, ...bypasses })
        .catch((error: unknown) => unlessGone(id, error));
    });
  },
});

function unlessGone(id: string, error: unknown): void {
  if (!(error instanceof RpcError)) throw error;
  // It was there a moment ago: an answer got lost, and the call was made again.
  if (error.code === Code.notFound) return;
  if (error.code !== Code.failedPrecondition) throw error;
  throw new UserError(
    `${printable(error.message)}: metroctl node decommission ${id} first or, ` +
      "for a machine that is gone, --bypass-has-roles --bypass-not-decommissioned",
  );
}
