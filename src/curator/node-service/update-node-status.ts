// Curator.UpdateNodeStatus: takes in what a node says about itself.
import { create, equals, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { claimAddress, networkingAt, requireHostAddress } from "../state/addresses.ts";
import { reportingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { STATUS_AGE_MS, STATUS_BYTES } from "../state/limits.ts";
import { changeNode, findNode, type NodeChange } from "../state/nodes.ts";
import { milliseconds } from "../state/waiting.ts";

/** Replaces the status of the calling node. */
export function updateNodeStatus(leader: Leader): Handler<typeof Curator.method.updateNodeStatus> {
  return async ({ nodeId, status }, call) => {
    const { id } = reportingNode(leader, call);
    if (nodeId !== id) throw new RpcError(Code.permissionDenied, `node_id must be ${id}`);
    if (status === undefined) throw new RpcError(Code.invalidArgument, "status must be set");
    if (toBinary(NodeStatusSchema, status).length > STATUS_BYTES) {
      throw new RpcError(Code.invalidArgument, `status is longer than ${STATUS_BYTES} bytes`);
    }
    const { externalAddress: address } = status;
    await requireHostAddress(leader, address);
    const save = () => changeNode(leader, id, (node) => ({ fields: reported(node, status) }));
    const isMoving = () => findNode(leader, id).node.status?.externalAddress !== address;
    // Who stays where he is waits for nobody.
    if (!isMoving()) await changeNode(leader, id, (node) => stay(node, status));
    else {
      await leader.meshLock.hold(async () => {
        const { remoteAddress } = call;
        if (isMoving()) await claimAddress(leader, { id, address, remoteAddress });
        await save();
      });
    }
    return {};
  };
}

function reported(node: Readonly<Node>, status: NodeStatus): Partial<Node> {
  // The clocks of nodes may be wrong, so the time is ours.
  const stamped = create(NodeStatusSchema, { ...status, timestamp: timestampNow() });
  const told = isNews(node.status, stamped) ? stamped : node.status;
  return { ...(told && { status: told }), ...networkingAt(node, status.externalAddress) };
}

/** Whether a status says something else than before, or the same after a while. */
function isNews(before: NodeStatus | undefined, after: NodeStatus): boolean {
  const age = milliseconds(after.timestamp) - milliseconds(before?.timestamp);
  if (before === undefined || Math.abs(age) > STATUS_AGE_MS) return true;
  return !equals(NodeStatusSchema, { ...before, timestamp: after.timestamp }, after);
}

function stay(node: Readonly<Node>, status: NodeStatus): NodeChange {
  const { externalAddress: address } = status;
  if (node.status?.externalAddress === address) return { fields: reported(node, status) };
  throw new RpcError(Code.unavailable, `address ${address} has just been lost; report it again`);
}
