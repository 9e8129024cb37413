// `metroctl approve [node-id]`: admits a node, or lists those that wait.
import { defineCommand } from "citty";
import type { Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import { answer } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
import { openCluster } from "../session/cluster.ts";
import { clusterArgs } from "../session/cluster-args.ts";

export default defineCommand({
  meta: { name: "approve", description: "Approve a node, or list the nodes pending approval" },
  args: {
    ...clusterArgs,
    node: { type: "positional", required: false, description: "ID of the node to approve" },
  },
  async run({ args }) {
    using cluster = await openCluster(args);
    const filter = "node.state == NODE_STATE_NEW";
    const waiting = await Array.fromAsync(cluster.management.getNodes({ filter }));

    if (args.node === undefined) return list(waiting);

    const node = waiting.find(({ id }) => id === args.node);
    if (node === undefined) throw new UserError(notWaiting(args.node));
    await cluster.management.approveNode({ pubkey: node.pubkey });
    answer(`Approved node ${node.id}`);
  },
});

function notWaiting(id: string): string {
  return `node ${id} is not pending approval: metroctl approve lists those that are`;
}

function list(nodes: readonly Node[]): void {
  if (nodes.length === 0) answer("There are no nodes pending approval at this time.");
  for (const { id } of nodes) answer(id);
}
