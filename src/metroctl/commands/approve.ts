// `metroctl approve [ids…]`: admits nodes, or lists those that wait. The list of
// IDs is the answer, for scripts; what to decide by goes to stderr, for people.
import { defineCommand } from "citty";
import { isNodeId } from "../../base/pki/node-id.ts";
import type { Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { answer, remark } from "../output/message.ts";
import { nodeRecord } from "../output/node-row.ts";
import { outputArgs, print } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { UserError } from "../output/user-error.ts";
import { waitingFacts } from "../output/waiting-node.ts";
import { openCluster } from "../session/cluster.ts";
import { clusterArgs } from "../session/cluster-args.ts";
import { eachNode } from "../session/each-node.ts";

const WAITING = "node.state == NODE_STATE_NEW";

export default defineCommand({
  meta: { name: "approve", description: "Approve nodes, or list those pending approval" },
  args: {
    ...clusterArgs,
    output: outputArgs.output,
    ids: { type: "positional", required: false, description: "IDs of nodes to approve" },
  },
  async run({ args }) {
    using cluster = await openCluster(args);
    if (args._.length === 0) {
      const waiting = await cluster.nodes(WAITING);
      return args.output === "table" ? list(waiting) : print(args, [], waiting.map(nodeRecord));
    }
    const nodes = await cluster.nodes();
    const work = { title: "approve", done: "Approved node" };
    await eachNode(args._, work, async (id) => {
      const { pubkey } = approvable(nodes, id);
      await cluster.management.approveNode({ pubkey });
    });
  },
});

/**
 * The node of that ID. One that was approved already and has not started yet is
 * fine: an answer may have got lost. Throws a {@link UserError} for any other.
 */
function approvable(nodes: readonly Node[], id: string): Node {
  if (!isNodeId(id)) throw new UserError("this is no node ID: metroctl approve prints them");
  const node = nodes.find((each) => each.id === id);
  switch (node?.state) {
    case undefined:
      throw new UserError("no such node has registered: metroctl approve lists those that have");
    case NodeState.NEW:
    case NodeState.STANDBY:
      return node;
    case NodeState.UP:
      throw new UserError("it is not pending approval: it is a member of the cluster");
    default:
      throw new UserError("it is not pending approval: it was decommissioned, install it anew");
  }
}

function list(nodes: readonly Node[]): void {
  if (nodes.length === 0) answer("There are no nodes pending approval at this time.");
  for (const node of nodes) {
    answer(printable(node.id));
    for (const fact of waitingFacts(node)) remark(`  ${fact}`);
  }
}
