// Who may call this member: whoever the method's option admits, as long as the
// cluster still knows him.
import { authorizeByOption, type Call, Code, RpcError } from "../base/rpc/rpc.ts";
import type { NodeCache } from "./state/node-cache.ts";

/** The `authorize` of a member's servers. */
export function authorizeMember(ca: Uint8Array, nodes: NodeCache): (call: Call) => void {
  const byOption = authorizeByOption(() => ca);
  return (call) => {
    byOption(call);
    if (call.peer?.kind !== "node" || nodes.get(call.peer.id) !== undefined) return;
    // A deleted node still has a certificate: it is refused at each call.
    throw new RpcError(Code.unauthenticated, `node ${call.peer.id} is not part of the cluster`);
  };
}
