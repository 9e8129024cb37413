// recovery.pb: the epochs of the recovery key that this node holds, its shares sealed
// under the node unlock key, which the TPM guards in turn.
import { readFile } from "node:fs/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { replaceFileErased } from "../../base/linux/atomic-file.ts";
import { hkdf } from "../../base/pki/hkdf.ts";
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
import { decrypt, encrypt, type Sealer, sealPayload, unsealPayload } from "../storage/sealed.ts";

const KEY_BYTES = 32;

/** What the first epoch is made of. */
export interface FirstSecrets {
  readonly nodeId: string;
  readonly recovery: BoxKeyPair;
  readonly join: KeyPair;
  readonly nodeUnlockKey: Uint8Array;
  readonly clusterUnlockKey: Uint8Array;
}

/** Seals with the node unlock key what only this node may open. */
export function shareSealer(nodeUnlockKey: Uint8Array): Sealer {
  const key = hkdf(nodeUnlockKey, { info: "metropolis recovery share v1", bytes: KEY_BYTES });
  return {
    seal: async (secret) => encrypt(key, secret),
    unseal: async (sealed) => decrypt(key, sealed),
  };
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

/** What only this node may read of an epoch. Throws where the node unlock key is another. */
export async function openShare(
  { sealedShare }: Epoch,
  nodeUnlockKey: Uint8Array,
): Promise<RecoveryShare> {
  const { payload } = await unsealPayload(sealedShare, shareSealer(nodeUnlockKey));
  return fromBinary(RecoveryShareSchema, payload);
}

/** The epoch of a cluster of one: the only share is the recovery key itself. */
export async function firstEpoch(own: FirstSecrets, operatorKey: Uint8Array): Promise<Epoch> {
  const { nodeId, recovery, clusterUnlockKey, nodeUnlockKey, join } = own;
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
  return sealEpoch(told, nodeUnlockKey);
}

/** An epoch that the cluster has told, in the form of the file. */
export async function sealEpoch(told: RecoveryEpoch, nodeUnlockKey: Uint8Array): Promise<Epoch> {
  const peers = told.peers.map(({ nodeId, joinPublicKey }) => ({ nodeId, joinPublicKey }));
  const share = create(RecoveryShareSchema, { share: told.share, peers });
  const bytes = toBinary(RecoveryShareSchema, share);
  return create(EpochSchema, {
    epoch: told.epoch,
    threshold: told.threshold,
    recoveryPublicKey: told.recoveryPublicKey,
    encryptedClusterUnlockKey: told.encryptedClusterUnlockKey,
    operatorEncryptedClusterUnlockKey: told.operatorEncryptedClusterUnlockKey,
    sealedShare: await sealPayload(bytes, shareSealer(nodeUnlockKey)),
  });
}

/**
 * The epochs to hold after the cluster has told which: new ones as told, known ones as they
 * are on the disk, since the cluster has forgotten their shares.
 */
export async function heldEpochs(
  present: readonly Epoch[],
  told: readonly RecoveryEpoch[],
  nodeUnlockKey: Uint8Array,
): Promise<readonly Epoch[]> {
  const held: Epoch[] = [];
  for (const each of told) {
    const known = present.find(({ epoch }) => epoch === each.epoch);
    if (known !== undefined) held.push(known);
    else if (each.share.length > 0 || each.threshold === 0) {
      held.push(await sealEpoch(each, nodeUnlockKey));
    }
  }
  return held;
}

/** Whether two lists hold the same epochs in the same order. */
export function isSameEpochs(one: readonly Epoch[], other: readonly Epoch[]): boolean {
  const numbers = (epochs: readonly Epoch[]) => epochs.map(({ epoch }) => epoch).join();
  return numbers(one) === numbers(other);
}
