// The steps of a join: the node comes back into its cluster after a reboot.
//
// It has one half of the key of its data partition itself, sealed by its TPM. The other
// half comes from the cluster, or where all of that was off, from its members together.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { create, fromBinary } from "@bufbuild/protobuf";
import { replaceFileErased } from "../../base/linux/atomic-file.ts";
import {
  type NodeRoles,
  NodeRolesSchema,
  NodeStorageSecurity as Security,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { held, type Lock } from "../recovery/recovery.ts";
import { loadCredentials } from "../storage/credentials.ts";
import { dataPassphrase } from "../storage/keys.ts";
import {
  checkCommitment,
  lastSteps,
  left,
  type Outcome,
  openLock,
  prepareData,
  type Steps,
  type Surroundings,
  shutStep,
} from "./attempt.ts";
import { clusterKey } from "./cluster-key.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { type NodeSecrets, sealSecrets, unsealSecrets } from "./keyring.ts";
import { protection } from "./plan.ts";

/** The steps, for one attempt. */
export function joinSteps(all: Surroundings): Steps {
  let secrets: NodeSecrets | undefined;
  let passphrase: Uint8Array | undefined;
  let opened: Outcome | undefined;
  let roles: NodeRoles | undefined;
  const last = lastSteps(
    all,
    () => left(roles, "roles"),
    () => left(opened, "data partition"),
  );
  return {
    ...last,
    unseal: async () => {
      secrets = await unsealSecrets(all.vault, await readFile(all.paths.esp.sealedConfiguration));
    },
    ...shutStep(all),
    key: async () => {
      passphrase = await wholeKey(all, left(secrets, "secrets"));
    },
    unlock: async () => {
      opened = await unlock(all, left(secrets, "secrets"), left(passphrase, "key"));
      roles = await savedRoles(all.paths.data.roles);
    },
    finish: async () => {
      await last.finish?.();
      await resealStale(all, left(secrets, "secrets"));
    },
  };
}

/**
 * Seals to the newest policy key, where a release has brought one. Only now that this release
 * works: one before it, without that key, could not open it any more.
 */
async function resealStale({ vault, paths, log }: Surroundings, secrets: NodeSecrets) {
  if (!secrets.isStale) return;
  const sealed = await sealSecrets(vault, secrets, secrets.epoch);
  await replaceFileErased(paths.esp.sealedConfiguration, sealed);
  log.info("Sealed the node's configuration anew, for the newest policy key");
}

async function wholeKey(all: Surroundings, secrets: NodeSecrets): Promise<Uint8Array> {
  const { nodeUnlockKey, storageSecurity } = secrets;
  // What is not encrypted needs no key, and the cluster has none.
  if (storageSecurity === Security.INSECURE) {
    all.lock.set(await unencrypted(all, secrets));
    return nodeUnlockKey;
  }
  return dataPassphrase(nodeUnlockKey, await clusterKey(all, secrets));
}

/** Nothing waits for it; but by its epochs the node knows other members, wherever they are. */
async function unencrypted(all: Surroundings, secrets: NodeSecrets): Promise<Lock> {
  const lock = openLock(all, secrets, new Uint8Array());
  return { ...lock, ...held(lock.nodeId, await lock.file.read(all.log.warning)) };
}

async function unlock(
  all: Surroundings,
  { nodeId, storageSecurity, clusterCa, isSealed }: NodeSecrets,
  passphrase: Uint8Array,
): Promise<Outcome> {
  const volume = await all.partition.open({ protection: protection(storageSecurity), passphrase });
  await prepareData(all);
  const credentials = await loadCredentials(all.paths.data.credentials);
  await checkCommitment(all.paths, isSealed);
  // The CA was sealed by the TPM, the data partition only encrypted: if they differ, somebody
  // has put the pieces of two installations together.
  const isSame = Buffer.compare(credentials.ca, clusterCa) === 0 && credentials.nodeId === nodeId;
  if (!isSame) {
    throw new EnrolmentError(
      "ESP and data partition belong to different nodes",
      "Put back the disk's own ESP, or install the node again",
    );
  }
  return { credentials, volume };
}

/** What the node was last told to do: a cold cluster starts with that. */
async function savedRoles(path: string): Promise<NodeRoles> {
  if (!existsSync(path)) return create(NodeRolesSchema);
  return fromBinary(NodeRolesSchema, await readFile(path));
}
