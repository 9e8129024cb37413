// What this node holds of the epochs of the recovery key, in the form of recovery.pb, and how
// that changes. Decisions only; epoch-file.ts keeps the file.
//
// The node encrypts its cluster unlock key to each epoch's public key itself, always the one
// key that its disk opens with, and reads its share with a key that is made of the node
// unlock key: so neither is ever told, or kept by the cluster, in the clear.
import { create } from "@bufbuild/protobuf";
import { constantTimeEqual, hkdf } from "../../base/pki/hkdf.ts";
import { keyCheck } from "../../base/pki/key-check.ts";
import { operatorBox } from "../../base/pki/operator-box.ts";
import { type BoxKeyPair, boxKeyPair, decryptWith, encryptTo } from "../../base/pki/sealed-box.ts";
import type {
  FollowRecoveryResponse,
  RecoveryEpoch,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type Recovery_Epoch as Epoch,
  Recovery_EpochSchema as EpochSchema,
  Recovery_Epoch_PeerSchema as PeerSchema,
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/proto/private/private_pb.ts";
import type { Holder } from "../storage/sealed.ts";

const KEY_BYTES = 32;

/** Whose file it is. */
export interface EpochOwner extends Holder {
  /** Ed25519 public key: the operator knows the locked node by it. */
  readonly joinKey: Uint8Array;
}

/** By this key the node reads what the cluster encrypts to it: its shares. */
export function shareKeyPair(nodeUnlockKey: Uint8Array): BoxKeyPair {
  const info = "metropolis recovery share box v1";
  return boxKeyPair(hkdf(nodeUnlockKey, { info, bytes: KEY_BYTES }));
}

/** What a cluster of one holds: its only share is the recovery key itself. */
export function firstRecovery(
  owner: EpochOwner,
  { publicKey, privateKey }: BoxKeyPair,
  clusterUnlockKey: Uint8Array,
  operatorPublicKey: Uint8Array,
): Promise<Recovery> {
  const first = { epoch: 1n, threshold: 1, recoveryPublicKey: publicKey, share: privateKey };
  const held = { epochs: [first], operatorPublicKey };
  return rekeyed(create(RecoverySchema, held), owner, clusterUnlockKey);
}

/**
 * What to hold after the cluster has told which epochs: new ones as told, of known ones the
 * shares that are on the disk, since the cluster has forgotten them.
 */
export async function toHold(
  present: Recovery,
  { epochs: told, operatorPublicKey }: FollowRecoveryResponse,
  owner: EpochOwner,
  clusterUnlockKey: Uint8Array,
): Promise<Recovery> {
  const held = await Promise.all(
    told.map((each) => {
      const known = present.epochs.find(({ epoch }) => epoch === each.epoch);
      return known === undefined ? newEpoch(each, owner) : knownEpoch(known, each);
    }),
  );
  const epochs = held.filter((each) => each !== undefined);
  // A leader that knows of none yet must not cost us those we have.
  if (epochs.length === 0) return present;
  const isSameOperator = constantTimeEqual(present.operatorPublicKey, operatorPublicKey);
  const next = {
    ...present,
    epochs,
    operatorPublicKey,
    ...(!isSameOperator && { operatorEncryptedClusterUnlockKey: new Uint8Array() }),
  };
  return rekeyed(next, owner, clusterUnlockKey);
}

async function newEpoch(told: RecoveryEpoch, owner: EpochOwner): Promise<Epoch | undefined> {
  const { epoch, threshold, recoveryPublicKey, share: box } = told;
  if (box.length === 0 && threshold > 0) return undefined;
  const share = threshold === 0 ? box : await openShare(box, owner);
  const peers = plainPeers(told);
  return create(EpochSchema, { epoch, threshold, recoveryPublicKey, share, peers });
}

function openShare(box: Uint8Array, { nodeId, nodeUnlockKey }: EpochOwner): Promise<Uint8Array> {
  const content = { purpose: "recovery share", nodeId } as const;
  return decryptWith(shareKeyPair(nodeUnlockKey), content, box);
}

/**
 * A deleted member is told of no more, and gets no share of an epoch that it was of. Where the
 * others could not open that without it, as after the deletion of one of two, nothing changes
 * until the cluster replaces the epoch, a moment later: until then etcd needs that member, too.
 */
function knownEpoch(known: Epoch, told: RecoveryEpoch): Epoch {
  const canDoWithout = told.peers.length + 1 >= known.threshold;
  return canDoWithout ? create(EpochSchema, { ...known, peers: plainPeers(told) }) : known;
}

function plainPeers({ peers }: RecoveryEpoch): Epoch["peers"] {
  return peers.map(({ nodeId, joinPublicKey }) => create(PeerSchema, { nodeId, joinPublicKey }));
}

/** The same with another cluster unlock key in it; what holds that already stays as it is. */
export async function rekeyed(
  recovery: Recovery,
  { nodeId, joinKey }: EpochOwner,
  clusterUnlockKey: Uint8Array,
): Promise<Recovery> {
  const unlockKeyCheck = keyCheck(clusterUnlockKey);
  const isSame = constantTimeEqual(recovery.unlockKeyCheck, unlockKeyCheck);
  const isMade = (box: Uint8Array) => isSame && box.length > 0;
  const content = { purpose: "cluster unlock key", nodeId } as const;
  const epochs = recovery.epochs.map(async (each) => {
    if (isMade(each.encryptedClusterUnlockKey)) return each;
    const box = await encryptTo(each.recoveryPublicKey, content, clusterUnlockKey);
    return create(EpochSchema, { ...each, encryptedClusterUnlockKey: box });
  });
  const { operatorPublicKey, operatorEncryptedClusterUnlockKey: box } = recovery;
  return create(RecoverySchema, {
    epochs: await Promise.all(epochs),
    operatorPublicKey,
    operatorEncryptedClusterUnlockKey: isMade(box)
      ? box
      : await operatorBox(operatorPublicKey, nodeId, { clusterUnlockKey, joinKey }),
    unlockKeyCheck,
  });
}
