// Users are certified for years, and the owner's key may be replaced in between: what counts
// is the key that owns the cluster now.
import { constantTimeEqual } from "../pki/hkdf.ts";
import type { Peer, UserPeer } from "../pki/peer.ts";
import { Code, RpcError } from "./rpc-error.ts";

/** Whether somebody is a user whose key does not own the cluster any more. */
export function isReplaced(peer: Peer, owner: Uint8Array): boolean {
  return peer.kind === "user" && !constantTimeEqual(peer.publicKey, owner);
}

/**
 * Returns if a user holds the owner's present key. Throws unauthenticated where another one
 * is the owner's, and unavailable while it is not known yet which.
 */
export function requireOwner(peer: UserPeer, owner: Uint8Array | undefined): void {
  if (owner === undefined) {
    throw new RpcError(Code.unavailable, "the owner's key is not known here yet; ask again");
  }
  if (!isReplaced(peer, owner)) return;
  throw new RpcError(Code.unauthenticated, "the owner's key was replaced: this one is not it");
}
