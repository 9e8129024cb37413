// Curator.JoinNode: gives a member that has rebooted the cluster's half of the
// key of its data partition.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { joiningNode } from "../state/callers.ts";
import { loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";
import { acceptsSealing } from "../state/policy.ts";

/** Gives the cluster unlock key to the holder of the join key. */
export function joinNode(leader: Leader): Handler<typeof Curator.method.joinNode> {
  return async ({ usingSealedConfiguration }, call) => {
    const { node } = await joiningNode(leader, call);
    const { tpmMode } = await loadConfiguration(leader.store);
    if (!acceptsSealing(tpmMode, node.tpmUsage, usingSealedConfiguration)) {
      throw new RpcError(Code.permissionDenied, "the TPM is not used as the cluster demands");
    }
    if (node.fsmState !== NodeState.UP) {
      throw new RpcError(
        Code.failedPrecondition,
        `node in state ${NodeState[node.fsmState]} cannot join`,
      );
    }
    return { clusterUnlockKey: node.clusterUnlockKey };
  };
}
