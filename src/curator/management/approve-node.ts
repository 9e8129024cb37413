// Management.ApproveNode: lets a node that has registered become a member.
import { nodeId } from "../../base/pki/node-id.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, type NodeChange, requireKey } from "../state/nodes.ts";

/** Moves a node from NEW to STANDBY; does nothing where it is already beyond. */
export function approveNode(leader: Leader): Handler<typeof Management.method.approveNode> {
  return async ({ pubkey }) => {
    const id = nodeId(requireKey(pubkey, "pubkey"));
    await changeNode(leader, id, ({ fsmState }) => approval(fsmState));
    return {};
  };
}

function approval(state: NodeState): NodeChange {
  switch (state) {
    case NodeState.NEW:
      return { fields: { fsmState: NodeState.STANDBY } };
    case NodeState.STANDBY:
    case NodeState.UP:
      return {};
    default:
      throw new RpcError(
        Code.failedPrecondition,
        `node in state ${NodeState[state]} cannot be approved`,
      );
  }
}
