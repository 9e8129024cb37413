// recovery.pb: the epochs of the recovery key that this node holds, its shares sealed
// under the node unlock key, which the TPM guards in turn.
import { readFile } from "node:fs/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { replaceFileErased } from "../../base/linux/atomic-file.ts";
import type { KeyPair } from "../../base/pki/keys.ts";
import { operatorBox } from "../../base/pki/operator-box.ts";
import { type BoxKeyPair, encryptTo } from "../../base/pki/sealed-box.ts";
import {
  type RecoveryEpoch,
  RecoveryEpochSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type Recovery_Epoch as Epoch,
  Recovery_EpochSchema as EpochSchema,
  type Recovery,
  RecoverySchema,
  type RecoveryShare,
  RecoveryShareSchema,
} from "../../gen/metropolis/proto/private/private_pb.ts";
import { closeShare, type Holder, openShareEnvelope } from "../storage/sealed.ts";

/** What the first epoch is made of. */
export interface FirstSecrets extends Holder {
  readonly recovery: BoxKeyPair;
  readonly join: KeyPair;
  readonly clusterUnlockKey: Uint8Array;
}

/** Reads the file; no epochs where there is none, or it is damaged: the cluster makes others. */
export async function readEpochs(path: string): Promise<readonly Epoch[]> {
  try {
    return fromBinary(RecoverySchema, await readFile(path)).epochs;
  } catch {
    return [];
  }
}

/** Writes the file for good. With an old epoch fewer machines might open this disk. */
export async function writeEpochs(path: string, epochs: readonly Epoch[]): Promise<void> {
  const message: Recovery = create(RecoverySchema, { epochs: [...epochs] });
  await replaceFileErased(path, toBinary(RecoverySchema, message));
}

/** What only this node may read of an epoch. Throws a SealError where it is another's. */
export function openShare({ epoch, sealedShare }: Epoch, holder: Holder): RecoveryShare {
  const payload = openShareEnvelope(holder, shareName(epoch), sealedShare);
  return fromBinary(RecoveryShareSchema, payload);
}

/** Bound to the share: that of another epoch does not open. */
function shareName(epoch: bigint): string {
  return `recovery epoch ${epoch}`;
}

/** The epoch of a cluster of one: the only share is the recovery key itself. */
export async function firstEpoch(own: FirstSecrets, operatorKey: Uint8Array): Promise<Epoch> {
  const { nodeId, recovery, clusterUnlockKey, join } = own;
  const content = { purpose: "cluster unlock key", nodeId } as const;
  const view = { clusterUnlockKey, joinKey: join.publicKey };
  const told = create(RecoveryEpochSchema, {
    epoch: 1n,
    threshold: 1,
    recoveryPublicKey: recovery.publicKey,
    encryptedClusterUnlockKey: await encryptTo(recovery.publicKey, content, clusterUnlockKey),
    operatorEncryptedClusterUnlockKey: await operatorBox(operatorKey, nodeId, view),
    share: recovery.privateKey,
  });
  return sealEpoch(told, own);
}

/** An epoch that the cluster has told, in the form of the file. */
export function sealEpoch(told: RecoveryEpoch, holder: Holder): Epoch {
  const peers = told.peers.map(({ nodeId, joinPublicKey }) => ({ nodeId, joinPublicKey }));
  const share = create(RecoveryShareSchema, { share: told.share, peers });
  const bytes = toBinary(RecoveryShareSchema, share);
  return create(EpochSchema, {
    epoch: told.epoch,
    threshold: told.threshold,
    recoveryPublicKey: told.recoveryPublicKey,
    encryptedClusterUnlockKey: told.encryptedClusterUnlockKey,
    operatorEncryptedClusterUnlockKey: told.operatorEncryptedClusterUnlockKey,
    sealedShare: closeShare(holder, shareName(told.epoch), bytes),
  });
}

/**
 * The epochs to hold after the cluster has told which: new ones as told, known ones as they
 * are on the disk, since the cluster has forgotten their shares.
 */
export function heldEpochs(
  present: readonly Epoch[],
  told: readonly RecoveryEpoch[],
  holder: Holder,
): readonly Epoch[] {
  const held: Epoch[] = [];
  for (const each of told) {
    const known = present.find(({ epoch }) => epoch === each.epoch);
    if (known !== undefined) held.push(known);
    else if (each.share.length > 0 || each.threshold === 0) {
      held.push(sealEpoch(each, holder));
    }
  }
  return held;
}

/** Whether two lists hold the same epochs in the same order. */
export function isSameEpochs(one: readonly Epoch[], other: readonly Epoch[]): boolean {
  const numbers = (epochs: readonly Epoch[]) => epochs.map(({ epoch }) => epoch).join();
  return numbers(one) === numbers(other);
}
