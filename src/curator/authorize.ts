// Who may call this member: whoever the method's option admits, as long as the
// cluster still knows him.
import { authorizeByOption, type Call, Code, RpcError } from "../base/rpc/rpc.ts";
import { NodeState } from "../gen/metropolis/proto/common/common_pb.ts";
import type { CachedNode, NodeCache } from "./state/node-cache.ts";

/**
 * A node that is leaving has to hear the end of it. One that was deleted and has registered again
 * is a stranger with an old certificate, until an operator has approved it.
 */
function isPart(known: CachedNode | undefined): boolean {
  const state = known?.node.fsmState;
  return state === NodeState.UP || state === NodeState.DECOMMISSIONED;
}

/** The `authorize` of a member's servers. */
export function authorizeMember(ca: Uint8Array, nodes: NodeCache): (call: Call) => void {
  const byOption = authorizeByOption(() => ca);
  return (call) => {
    byOption(call);
    if (call.peer?.kind !== "node" || isPart(nodes.get(call.peer.id))) return;
    // A deleted node still has a certificate: it is refused at each call.
    throw new RpcError(Code.unauthenticated, `node ${call.peer.id} is not part of the cluster`);
  };
}
