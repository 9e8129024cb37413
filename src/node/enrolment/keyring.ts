// The secrets of one node, and the file on the ESP that brings them back after a reboot:
// sealed_configuration.pb, with the node unlock key, the join key and the CA, sealed by the
// TPM. A TPM takes a second for each thing that it unseals, so it unseals one.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hkdf } from "../../base/pki/hkdf.ts";
import { type KeyPair, keyPairFromSeed } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { type BoxKeyPair, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import type { NodeStorageSecurity } from "../../gen/metropolis/proto/common/common_pb.ts";
import { SealedConfigurationSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { type Sealer, sealPayload, unsealPayload } from "../storage/sealed.ts";

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
  readonly nodeId: string;
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
  { node, nodeUnlockKey, join }: Pick<Keyring, "node" | "nodeUnlockKey" | "join">,
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
    nodeId: nodeId(node.publicKey),
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
    nodeId: message.nodeId,
    nodeUnlockKey: message.nodeUnlockKey,
    join: keyPairFromSeed(message.joinKey.subarray(0, SEED_BYTES)),
    clusterCa: message.clusterCa,
    storageSecurity: message.storageSecurity,
    isSealed,
  };
}
