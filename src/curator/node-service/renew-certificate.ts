// Curator.RenewCertificate: gives a node its certificate, a new one in good time.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { callingNode } from "../state/callers.ts";
import { emitNode } from "../state/cluster-pki.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";

/** Gives the present certificate, or the next one when the end of that is near. */
export function renewCertificate(leader: Leader): Handler<typeof Curator.method.renewCertificate> {
  return async (_, call) => {
    const ca = await leader.ca();
    let certificate = new Uint8Array();
    await changeNode(leader, callingNode(call).id, async ({ publicKey, fsmState }) => {
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
