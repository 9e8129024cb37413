// Who calls, for handlers.
import type { NodePeer } from "../../base/pki/peer.ts";
import { type Call, Code, RpcError } from "../../base/rpc/rpc.ts";
import { keys } from "./keys.ts";
import type { Leader } from "./leader.ts";
import type { CachedNode } from "./node-cache.ts";
import { findNode } from "./nodes.ts";

/** The node that calls; throws permissionDenied for anyone else. */
export function callingNode({ peer }: Call): NodePeer {
  if (peer?.kind === "node") return peer;
  throw new RpcError(Code.permissionDenied, "only nodes may call this");
}

/** The same, for calls that may change the state; throws resourceExhausted for too many. */
export function reportingNode(leader: Leader, call: Call): NodePeer {
  const peer = callingNode(call);
  countReport(leader, peer.id);
  return peer;
}

/** Counts a call of a node that may change the state; throws resourceExhausted for too many. */
export function countReport(leader: Leader, id: string): void {
  if (leader.reports.take(id)) return;
  throw new RpcError(Code.resourceExhausted, `node ${id} reports too often, try later`);
}

/** The node that calls, if it has the role ConsensusMember; throws failedPrecondition where it has not. */
export function callingMember(leader: Leader, call: Call): NodePeer {
  const peer = callingNode(call);
  if (findNode(leader, peer.id).node.roles?.consensusMember !== undefined) return peer;
  throw new RpcError(Code.failedPrecondition, "node is no consensus member");
}

/** The node whose join key the caller has proved. Throws permissionDenied without one, and notFound. */
export async function joiningNode(leader: Leader, call: Call): Promise<CachedNode> {
  const item = await leader.store.get(keys.joinKey(provenKey(call, Code.permissionDenied)));
  if (item === undefined) throw new RpcError(Code.notFound, "no node has this join key");
  return findNode(leader, new TextDecoder().decode(item.value));
}

/** The key that a caller without an identity has proved; throws unauthenticated. */
export function provenKey({ peer }: Call, code: Code = Code.unauthenticated): Uint8Array {
  if (peer?.kind === "anonymous" && peer.publicKey !== undefined) return peer.publicKey;
  throw new RpcError(code, "a self-signed certificate is needed");
}
