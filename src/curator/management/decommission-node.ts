// Management.DecommissionNode: not there yet, and says so.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";

/** Always throws unimplemented: a node is taken out by its roles, then deleted. */
export function decommissionNode(): Handler<typeof Management.method.decommissionNode> {
  return async () => {
    throw new RpcError(Code.unimplemented, "nodes cannot be decommissioned yet");
  };
}
