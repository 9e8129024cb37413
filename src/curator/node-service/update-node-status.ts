// Curator.UpdateNodeStatus: takes in what a node says about itself.
import { create, equals, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { allAddresses } from "../../base/format/reached.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { claimAddresses, networkingAt, reachedAt, requireAddresses } from "../state/addresses.ts";
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
    const addresses = await requireAddresses(leader, status);
    const isMoving = () => !isAt(findNode(leader, id).node, addresses);
    // Who stays where he is waits for nobody.
    if (!isMoving()) await changeNode(leader, id, (node) => stay(node, status));
    else {
      await leader.meshLock.hold(async () => {
        const { remoteAddress } = call;
        const got = isMoving()
          ? await claimAddresses(leader, { id, addresses, remoteAddress })
          : addresses;
        const next = reachedAt(status, got);
        await changeNode(leader, id, (node) => ({ fields: reported(node, next) }));
      });
    }
    return {};
  };
}

function isAt({ status }: Readonly<Node>, addresses: readonly string[]): boolean {
  return allAddresses(status).join() === addresses.join();
}

function reported(node: Readonly<Node>, status: NodeStatus): Partial<Node> {
  // The clocks of nodes may be wrong, so the time is ours.
  const stamped = create(NodeStatusSchema, { ...status, timestamp: timestampNow() });
  const told = isNews(node.status, stamped) ? stamped : node.status;
  return { ...(told && { status: told }), ...networkingAt(node, allAddresses(status)) };
}

/** Whether a status says something else than before, or the same after a while. */
function isNews(before: NodeStatus | undefined, after: NodeStatus): boolean {
  const age = milliseconds(after.timestamp) - milliseconds(before?.timestamp);
  if (before === undefined || Math.abs(age) > STATUS_AGE_MS) return true;
  return !equals(NodeStatusSchema, { ...before, timestamp: after.timestamp }, after);
}

function stay(node: Readonly<Node>, status: NodeStatus): NodeChange {
  const addresses = allAddresses(status);
  if (isAt(node, addresses)) return { fields: reported(node, reachedAt(status, addresses)) };
  const text = addresses.join(", ");
  throw new RpcError(Code.unavailable, `address ${text} has just been lost; report it again`);
}
