// The keys of a machine that is about to become a member: sealed on the ESP before
// anybody hears of them, so that it is the same node after a reboot.
import { readFile } from "node:fs/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { keyPairFromSeed } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { PendingRegistrationSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { clusterOf, type Envelope, Guard, Purpose, readEnvelope } from "../storage/sealed.ts";
import type { Vault } from "../storage/vault.ts";
import { createKeyring, type Keyring } from "./keyring.ts";

/** The secrets of a node that holds no recovery key. */
export type PendingKeys = Omit<Keyring, "recovery">;

/** For what the keys are. */
export interface PendingOptions {
  /** registration.pb. */
  readonly path: string;
  readonly vault: Vault;
  /** DER of the CA of the cluster that the machine registers with. */
  readonly clusterCa: Uint8Array;
  /** Whether the TPM can seal. */
  readonly canSeal: boolean;
  readonly log: Logger;
}

/** The keys of an earlier boot, or new ones that are on the disk now. */
export async function ensurePendingKeys(options: PendingOptions): Promise<PendingKeys> {
  const { path, vault, clusterCa, canSeal, log } = options;
  const existing = await readFile(path).catch(() => undefined);
  // An empty file is a rename on FAT that a power cut interrupted: as good as none.
  if (existing !== undefined && existing.length > 0) {
    const reason = uselessness(readEnvelope(existing, Purpose.REGISTRATION), options);
    if (reason === undefined) {
      log.info("Going on with the keys of an earlier boot");
      return read(existing, vault);
    }
    log.warning(`The keys of an earlier boot are of no use, ${reason}: making new ones`);
  }
  await vault.beginAnew();
  const made = await createKeyring((length) => vault.random(length));
  await writeFileAtomic(path, await sealed(made, vault, clusterOf(clusterCa), canSeal));
  return made;
}

/** Why keys must not be used, judged before they are opened; undefined if they may. */
function uselessness({ guard, cluster }: Envelope, options: PendingOptions): string | undefined {
  const expected = Buffer.from(clusterOf(options.clusterCa));
  // One who has put another cluster's address here must not get at keys that this one knows.
  if (!expected.equals(cluster)) return "made for another cluster";
  if (guard === Guard.NONE && options.canSeal) return "not sealed, while the TPM can seal";
  return undefined;
}

async function read(bytes: Uint8Array, vault: Vault): Promise<PendingKeys> {
  const { payload } = await vault.open(bytes, Purpose.REGISTRATION);
  const message = fromBinary(PendingRegistrationSchema, payload);
  return {
    node: keyPairFromSeed(message.nodeKey),
    join: keyPairFromSeed(message.joinKey),
    nodeUnlockKey: message.nodeUnlockKey,
    clusterUnlockKey: message.clusterUnlockKey,
  };
}

function sealed(
  keys: PendingKeys,
  vault: Vault,
  cluster: Uint8Array,
  canSeal: boolean,
): Promise<Uint8Array> {
  const { node, join, nodeUnlockKey, clusterUnlockKey } = keys;
  const message = create(PendingRegistrationSchema, {
    nodeKey: node.seed,
    joinKey: join.seed,
    ...{ nodeUnlockKey, clusterUnlockKey },
  });
  const label = { purpose: Purpose.REGISTRATION, nodeId: nodeId(node.publicKey), cluster };
  return vault.seal(label, toBinary(PendingRegistrationSchema, message), canSeal);
}
