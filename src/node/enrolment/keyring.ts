// The secrets of one node, and the two files on the ESP that bring them back after
// a reboot.
//
//   sealed_configuration.pb   node unlock key, join key, CA      sealed by the TPM
//   recovery.pb               cluster unlock key                 encrypted to the recovery key
//                             share of the recovery key          under the node unlock key
//
// The share is sealed by the TPM too, by way of the node unlock key: a TPM takes a second
// for each thing that it unseals, so it unseals one.
//
// In a cluster of one the only share is the recovery key itself. The cluster unlock
// key therefore opens with this machine's TPM alone, as the node unlock key does; with
// more members it takes as many of them as consensus does.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hkdf } from "../../base/pki/hkdf.ts";
import { type KeyPair, keyPairFromSeed } from "../../base/pki/keys.ts";
import {
  type BoxKeyPair,
  decryptWith,
  encryptTo,
  generateBoxKeyPair,
} from "../../base/pki/sealed-box.ts";
import type { NodeStorageSecurity } from "../../gen/metropolis/proto/common/common_pb.ts";
import {
  RecoverySchema,
  RecoveryShareSchema,
  SealedConfigurationSchema,
} from "../../gen/metropolis/proto/private/private_pb.ts";
import { decrypt, encrypt, type Sealer, sealPayload, unsealPayload } from "../storage/sealed.ts";

/** Length of every secret here. */
const SEED_BYTES = 32;

/** A second source of random bytes, such as a TPM: as good as the better of the two. */
export type RandomSource = (length: number) => Promise<Uint8Array>;

/** What only this node knows, from the first boot on. */
export interface Keyring {
  readonly node: KeyPair;
  readonly join: KeyPair;
  readonly nodeUnlockKey: Uint8Array;
  readonly clusterUnlockKey: Uint8Array;
  readonly recovery: BoxKeyPair;
}

/**
 * New secrets, of the kernel's random bytes and a TPM's.
 *
 * The TPM is asked once, as it takes its time; what it gave is spread over all secrets.
 */
export async function createKeyring(random: RandomSource | undefined): Promise<Keyring> {
  const given = await random?.(SEED_BYTES);
  const secret = (info: string) => {
    const own = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
    return given === undefined ? own : hkdf(own, { salt: given, info, bytes: SEED_BYTES });
  };
  return {
    node: keyPairFromSeed(secret("node key")),
    join: keyPairFromSeed(secret("join key")),
    nodeUnlockKey: secret("node unlock key"),
    clusterUnlockKey: secret("cluster unlock key"),
    recovery: generateBoxKeyPair(),
  };
}

/** What the sealed configuration says. */
export interface NodeSecrets {
  readonly nodeUnlockKey: Uint8Array;
  readonly join: KeyPair;
  /** DER. */
  readonly clusterCa: Uint8Array;
  readonly storageSecurity: NodeStorageSecurity;
  /** Whether a TPM guarded it. */
  readonly isSealed: boolean;
}

/** The content of sealed_configuration.pb. */
export async function sealSecrets(
  { nodeUnlockKey, join }: Pick<Keyring, "nodeUnlockKey" | "join">,
  clusterCa: Uint8Array,
  storageSecurity: NodeStorageSecurity,
  sealer: Sealer | undefined,
): Promise<Uint8Array> {
  const joinKey = new Uint8Array([...join.seed, ...join.publicKey]);
  const message = create(SealedConfigurationSchema, {
    nodeUnlockKey,
    joinKey,
    clusterCa,
    storageSecurity,
  });
  return sealPayload(toBinary(SealedConfigurationSchema, message), sealer);
}

/** Reads sealed_configuration.pb. */
export async function unsealSecrets(
  bytes: Uint8Array,
  sealer: Sealer | undefined,
): Promise<NodeSecrets> {
  const { payload, isSealed } = await unsealPayload(bytes, sealer);
  const message = fromBinary(SealedConfigurationSchema, payload);
  return {
    nodeUnlockKey: message.nodeUnlockKey,
    join: keyPairFromSeed(message.joinKey.subarray(0, SEED_BYTES)),
    clusterCa: message.clusterCa,
    storageSecurity: message.storageSecurity,
    isSealed,
  };
}

/** Seals with the node unlock key what only this node may open. */
function keySealer(nodeUnlockKey: Uint8Array): Sealer {
  const key = hkdf(nodeUnlockKey, { info: "metropolis recovery share v1", bytes: SEED_BYTES });
  return {
    seal: async (secret) => encrypt(key, secret),
    unseal: async (sealed) => decrypt(key, sealed),
  };
}

/** The content of recovery.pb in a cluster of one; the operator's key may be empty. */
export async function sealRecovery(
  {
    recovery,
    clusterUnlockKey,
    nodeUnlockKey,
  }: Pick<Keyring, "recovery" | "clusterUnlockKey" | "nodeUnlockKey">,
  operatorKey: Uint8Array,
): Promise<Uint8Array> {
  const share = create(RecoveryShareSchema, { share: recovery.privateKey });
  const epoch = {
    epoch: 1n,
    threshold: 1,
    recoveryPublicKey: recovery.publicKey,
    encryptedClusterUnlockKey: encryptTo(recovery.publicKey, clusterUnlockKey),
    ...(operatorKey.length > 0 && {
      operatorEncryptedClusterUnlockKey: encryptTo(operatorKey, clusterUnlockKey),
    }),
    sealedShare: await sealPayload(toBinary(RecoveryShareSchema, share), keySealer(nodeUnlockKey)),
  };
  return toBinary(RecoverySchema, create(RecoverySchema, { epochs: [epoch] }));
}

/** The cluster unlock key out of recovery.pb, where this node's share alone opens it. */
export async function ownClusterKey(
  bytes: Uint8Array,
  nodeUnlockKey: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { epochs } = fromBinary(RecoverySchema, bytes);
  const epoch = epochs.find(({ threshold }) => threshold === 1);
  if (epoch === undefined) return undefined;
  const { payload } = await unsealPayload(epoch.sealedShare, keySealer(nodeUnlockKey));
  const { share } = fromBinary(RecoveryShareSchema, payload);
  const pair = { publicKey: epoch.recoveryPublicKey, privateKey: share };
  return decryptWith(pair, epoch.encryptedClusterUnlockKey);
}
