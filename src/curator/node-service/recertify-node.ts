// Curator.RecertifyNode: gives a member its certificate when the one that it has may prove
// nothing any more: it was off for long, or a clock was wrong, its own or that of who issued it.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { countReport, joiningNode } from "../state/callers.ts";
import { emitNode } from "../state/cluster-pki.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";

/**
 * Gives it to the holder of the join key. There is no secret in it: without the node's key, which
 * lies on its data partition, nobody can use it.
 */
export function recertifyNode(leader: Leader): Handler<typeof Curator.method.recertifyNode> {
  return async (_, call) => {
    const { id } = await joiningNode(leader, call);
    countReport(leader, id);
    const ca = await leader.ca();
    let certificate = new Uint8Array();
    await changeNode(leader, id, async ({ publicKey, fsmState }) => {
      if (fsmState !== NodeState.UP) {
        throw new RpcError(Code.failedPrecondition, "only nodes that are UP get certificates");
      }
      const emitted = await emitNode(leader.store, ca, publicKey);
      certificate = new Uint8Array(emitted.certificate);
      return emitted;
    });
    return { nodeCertificate: certificate };
  };
}
