// Curator.UpdateNodeStatus: takes in what a node says about itself.
import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { callingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";

/** Replaces the status of the calling node. */
export function updateNodeStatus(leader: Leader): Handler<typeof Curator.method.updateNodeStatus> {
  return async ({ nodeId, status }, call) => {
    const { id } = callingNode(call);
    if (nodeId !== id) throw new RpcError(Code.permissionDenied, `node_id must be ${id}`);
    if (status === undefined) throw new RpcError(Code.invalidArgument, "status must be set");
    if (isIP(status.externalAddress) === 0) {
      throw new RpcError(Code.invalidArgument, "status.external_address must be an IP address");
    }
    // The clocks of nodes may be wrong, so the time is ours.
    const stamped = create(NodeStatusSchema, { ...status, timestamp: timestampNow() });
    await changeNode(leader, id, () => ({ fields: { status: stamped } }));
    return {};
  };
}
