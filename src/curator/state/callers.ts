// Who calls, for handlers.
import type { NodePeer } from "../../base/pki/peer.ts";
import { type Call, Code, RpcError } from "../../base/rpc/rpc.ts";

/** The node that calls; throws permissionDenied for anyone else. */
export function callingNode({ peer }: Call): NodePeer {
  if (peer?.kind === "node") return peer;
  throw new RpcError(Code.permissionDenied, "only nodes may call this");
}

/** The key that a caller without an identity has proved; throws unauthenticated. */
export function provenKey({ peer }: Call, code: Code = Code.unauthenticated): Uint8Array {
  if (peer?.kind === "anonymous" && peer.publicKey !== undefined) return peer.publicKey;
  throw new RpcError(code, "a self-signed certificate is needed");
}
