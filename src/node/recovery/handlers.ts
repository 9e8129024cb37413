// The service that a locked node offers: its share to members of the same epoch, and to
// the operator what he needs to open it.
import { Lock as Mutex } from "../../base/event/event.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { selfSignedKey } from "../../base/pki/verify.ts";
import {
  authorizeByOption,
  type Call,
  Code,
  type Implementation,
  memberOf,
  RpcError,
} from "../../base/rpc/rpc.ts";
import type { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import type { Lock } from "./lock.ts";
import type { LockedEpoch } from "./locked-key.ts";
import { peersOf } from "./meet.ts";

const KEY_BYTES = 32;
/** No more others are taken in from one call. */
const MOST_OTHERS = 16;
/** As many as a node may publish. */
const MOST_ADDRESSES = 8;

/** What a node knows of where it and others are. */
export interface Surveyor {
  /** Of this node, best first. */
  readonly addresses: () => readonly string[];
  readonly whereabouts: Whereabouts;
}

/**
 * The `authorize` of a lock's server. A key that is of no epoch here is refused before anything
 * of the request is read, and is not told which epochs there are.
 */
export function authorizeLocked(lock: Lock): (call: Call) => void {
  const byOption = authorizeByOption(() => lock.clusterCa);
  return (call) => {
    byOption(call);
    if (call.peer?.kind !== "anonymous" || isPeer(lock, callerKey(call))) return;
    throw new RpcError(Code.permissionDenied, "this key is of no epoch here");
  };
}

/** The `isMember` of a lock's server: members of its epochs, and users of the cluster. */
export function isKnownTo(lock: Lock): (certificates: readonly Uint8Array[]) => boolean {
  const ofCluster = memberOf(() => lock.clusterCa);
  return (certificates) => {
    const key = selfSignedKey(certificates);
    return key === undefined ? ofCluster(certificates) : isPeer(lock, key);
  };
}

function isPeer(lock: Lock, key: Uint8Array): boolean {
  return peerOf(lock, key) !== undefined;
}

function peerOf(lock: Lock, key: Uint8Array) {
  return peersOf(lock).find((peer) => constantTimeEqual(peer.joinPublicKey, key));
}

/** The handlers of a lock. */
export function recoveryHandlers(
  lock: Lock,
  { addresses, whereabouts }: Surveyor,
): Partial<Implementation<typeof Recovery>> {
  // To try a key costs a process and a look at the disk.
  const trying = new Mutex();
  return {
    meet: async ({ addresses: said, others }, call) => {
      // It has proved its key, but not that it is reached where it calls from, or says.
      const nodeId = peerOf(lock, callerKey(call))?.nodeId ?? "";
      for (const address of [...said.slice(0, MOST_ADDRESSES), call.remoteAddress]) {
        whereabouts.hint({ nodeId, address });
      }
      for (const other of others.slice(0, MOST_OTHERS)) whereabouts.hint(other, nodeId);
      return { addresses: [...addresses()], others: [...whereabouts.met()] };
    },
    introduce: async ({ members }) => {
      for (const member of members.slice(0, MOST_OTHERS)) whereabouts.hint(member);
      return { nodeId: lock.nodeId };
    },
    getShare: async ({ epoch }, call) => ({ share: shareFor(lock, epoch, callerKey(call)) }),
    getLock: async () => {
      requireLocked(lock);
      return describeLock(lock);
    },
    unlock: async ({ clusterUnlockKey }, { signal }) => {
      requireLocked(lock);
      if (clusterUnlockKey.length !== KEY_BYTES) {
        throw new RpcError(Code.invalidArgument, `the key must be ${KEY_BYTES} bytes long`);
      }
      await trying.hold(() => unlock(lock, clusterUnlockKey), signal);
      return {};
    },
  };
}

/** Whoever has been an owner may come here: only a key that opens the disk ends the waiting. */
async function unlock(lock: Lock, key: Uint8Array): Promise<void> {
  requireLocked(lock);
  const opens = await lock.opens(key);
  // The shares may have been faster.
  requireLocked(lock);
  if (!opens) throw new RpcError(Code.invalidArgument, "the key does not open the disk");
  lock.key.set(key);
}

function callerKey({ peer }: Call): Uint8Array {
  if (peer?.kind === "anonymous" && peer.publicKey !== undefined) return peer.publicKey;
  throw new RpcError(Code.permissionDenied, "a self-signed certificate of a join key is needed");
}

/** The share, for a caller who is of that epoch too: only then he may unlock with us. */
function shareFor({ epochs }: Lock, number: bigint, key: Uint8Array): Uint8Array {
  const found = epochs.find(({ epoch }) => epoch.epoch === number);
  if (found === undefined) throw new RpcError(Code.notFound, `no epoch ${number} here`);
  const isOfIt = found.epoch.peers.some((peer) => constantTimeEqual(peer.joinPublicKey, key));
  if (!isOfIt) throw new RpcError(Code.permissionDenied, "this key is not of that epoch");
  if (found.epoch.threshold < 2) throw new RpcError(Code.notFound, `epoch ${number} has no shares`);
  return found.epoch.share;
}

function requireLocked({ key }: Lock): void {
  if (key.current === undefined) return;
  throw new RpcError(Code.failedPrecondition, "the node is not locked");
}

function describeLock({ nodeId, epochs, operatorBox }: Lock) {
  return {
    nodeId,
    epochs: epochs.map((each) => describeEpoch(nodeId, each)),
    operatorEncryptedClusterUnlockKey: operatorBox,
  };
}

function describeEpoch(nodeId: string, { epoch, shares }: LockedEpoch) {
  return {
    epoch: epoch.epoch,
    threshold: epoch.threshold,
    shares: [...shares.keys()].map((id) => (id === "" ? nodeId : id)),
    members: [nodeId, ...epoch.peers.map((peer) => peer.nodeId)].toSorted(),
  };
}
