// The secrets of one node, and the file on the ESP that brings them back after a reboot:
// sealed_configuration.pb, with the node unlock key, the join key and the CA, sealed by the
// TPM. A TPM takes a second for each thing that it unseals, so it unseals one.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hkdf } from "../../base/pki/hkdf.ts";
import { type KeyPair, keyPairFromSeed } from "../../base/pki/keys.ts";
import { type BoxKeyPair, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import type { NodeStorageSecurity } from "../../gen/metropolis/proto/common/common_pb.ts";
import { SealedConfigurationSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { clusterOf, Purpose } from "../storage/sealed.ts";
import type { Vault } from "../storage/vault.ts";

/** Length of every secret here. */
const SEED_BYTES = 32;

/** A second source of random bytes, such as a TPM: as good as the better of the two. */
export type RandomSource = (length: number) => Promise<Uint8Array | undefined>;

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
export async function createKeyring(random: RandomSource): Promise<Keyring> {
  const given = await random(SEED_BYTES);
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
  readonly nodeId: string;
  readonly nodeUnlockKey: Uint8Array;
  readonly join: KeyPair;
  /** DER. */
  readonly clusterCa: Uint8Array;
  readonly storageSecurity: NodeStorageSecurity;
  /** Whether a TPM guarded it. */
  readonly isSealed: boolean;
  /** Whether it should be sealed anew, to the policy key that is the newest now. */
  readonly isStale: boolean;
  /** The oldest epoch whose releases may open it. */
  readonly epoch: number;
}

/** What the sealed configuration is made of. */
export type Configured = Pick<
  NodeSecrets,
  "nodeId" | "nodeUnlockKey" | "join" | "clusterCa" | "storageSecurity" | "isSealed"
>;

/** The content of sealed_configuration.pb; absent an epoch, that of the running release. */
export async function sealSecrets(
  vault: Vault,
  own: Configured,
  epoch?: number,
): Promise<Uint8Array> {
  const { nodeId, nodeUnlockKey, join, clusterCa, storageSecurity, isSealed } = own;
  const joinKey = new Uint8Array([...join.seed, ...join.publicKey]);
  const fields = { nodeUnlockKey, joinKey, clusterCa, storageSecurity, nodeId };
  const message = create(SealedConfigurationSchema, fields);
  const label = { purpose: Purpose.CONFIGURATION, nodeId, cluster: clusterOf(clusterCa) };
  return vault.seal(label, toBinary(SealedConfigurationSchema, message), isSealed, epoch);
}

/** Reads sealed_configuration.pb. */
export async function unsealSecrets(vault: Vault, bytes: Uint8Array): Promise<NodeSecrets> {
  const opened = await vault.open(bytes, Purpose.CONFIGURATION);
  const message = fromBinary(SealedConfigurationSchema, opened.payload);
  const { isSealed, isStale, epoch } = opened;
  return {
    nodeId: message.nodeId,
    nodeUnlockKey: message.nodeUnlockKey,
    join: keyPairFromSeed(message.joinKey.subarray(0, SEED_BYTES)),
    clusterCa: message.clusterCa,
    storageSecurity: message.storageSecurity,
    ...{ isSealed, isStale, epoch },
  };
}
