// Who may call this member: whoever the method's option admits, as long as the
// cluster still knows him, a node by its record and the owner by his key.
import type { Value } from "../base/event/event.ts";
import type { Peer } from "../base/pki/peer.ts";
import { CertificateError, selfSignedKey, verifyPeer } from "../base/pki/verify.ts";
import {
  authorizeByOption,
  type Call,
  Code,
  isReplaced,
  RpcError,
  requireOwner,
} from "../base/rpc/rpc.ts";
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

/**
 * The `isMember` of a member's servers: who has room of his own there. A node that was deleted
 * has none, nor has an owner's key that was replaced, whatever they can show. One that an operator
 * has approved, or that is locked and joins, has, although it can show no certificate.
 */
export function isKnownTo(
  ca: Uint8Array,
  nodes: NodeCache,
  owner: Value<Uint8Array>,
): (certificates: readonly Uint8Array[]) => boolean {
  return (certificates) => {
    const peer = peerOf(certificates, ca);
    if (peer?.kind === "user")
      return owner.current !== undefined && !isReplaced(peer, owner.current);
    if (peer?.kind === "node") return isPart(nodes.get(peer.id));
    const key = selfSignedKey(certificates);
    return key !== undefined && nodes.list().some(({ node }) => isKeyOf(node, key));
  };
}

function peerOf(certificates: readonly Uint8Array[], ca: Uint8Array): Peer | undefined {
  try {
    return verifyPeer(certificates, ca);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

/** Nobody has approved a node that is NEW. */
function isKeyOf({ fsmState, publicKey, joinKey }: CachedNode["node"], key: Uint8Array): boolean {
  if (fsmState === NodeState.NEW) return false;
  return [publicKey, joinKey].some((own) => Buffer.compare(own, key) === 0);
}

/** The `authorize` of a member's servers. A certificate alone says who somebody was. */
export function authorizeMember(
  ca: Uint8Array,
  nodes: NodeCache,
  owner: Value<Uint8Array>,
): (call: Call) => void {
  const byOption = authorizeByOption(() => ca);
  return (call) => {
    byOption(call);
    const { peer } = call;
    if (peer?.kind === "user") requireOwner(peer, owner.current);
    if (peer?.kind !== "node" || isPart(nodes.get(peer.id))) return;
    // A deleted node still has a certificate: it is refused at each call.
    throw new RpcError(Code.unauthenticated, `node ${peer.id} is not part of the cluster`);
  };
}
