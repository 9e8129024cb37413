// The steps of a join: the node comes back into its cluster after a reboot.
//
// It is a member of the control plane and holds a share of the recovery key, so it
// opens its data partition by itself; in a cluster of one, that share is all it takes.
import { readFile } from "node:fs/promises";
import { loadCredentials } from "../storage/credentials.ts";
import { dataPassphrase } from "../storage/keys.ts";
import {
  lastSteps,
  type Outcome,
  prepareData,
  type Steps,
  type Surroundings,
  startControlPlane,
} from "./attempt.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { type NodeSecrets, recoverClusterKey, unsealSecrets } from "./keyring.ts";
import { protection } from "./plan.ts";

interface Unlocked {
  readonly secrets: NodeSecrets;
  readonly passphrase: Uint8Array;
}

/** Something that an earlier step must have left; its absence is a bug in the machine. */
function left<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`join: ${what} is not there yet`);
  return value;
}

/** The steps, for one attempt. */
export function joinSteps(all: Surroundings): Steps {
  let unlocked: Unlocked | undefined;
  let opened: Outcome | undefined;
  const outcome = () => left(opened, "data partition");
  return {
    unseal: async () => {
      unlocked = await unseal(all);
    },
    unlock: async () => {
      opened = await unlock(all, left(unlocked, "key"));
    },
    consensus: async () => {
      await startControlPlane(all, outcome().credentials.nodeId);
    },
    ...lastSteps(all, outcome),
  };
}

async function unseal({ paths, tpm }: Surroundings): Promise<Unlocked> {
  const secrets = await unsealSecrets(await readFile(paths.esp.sealedConfiguration), tpm);
  const clusterKey = await recoverClusterKey(
    await readFile(paths.esp.recovery),
    secrets.nodeUnlockKey,
  );
  return { secrets, passphrase: dataPassphrase(secrets.nodeUnlockKey, clusterKey) };
}

async function unlock(all: Surroundings, { secrets, passphrase }: Unlocked): Promise<Outcome> {
  const lock = { protection: protection(secrets.storageSecurity), passphrase };
  const volume = await all.partition.open(lock);
  await prepareData(all);
  const credentials = await loadCredentials(all.paths.data.credentials);
  // The CA was sealed by the TPM, the data partition only encrypted: if they differ, somebody
  // has put the pieces of two installations together.
  if (Buffer.compare(credentials.ca, secrets.clusterCa) !== 0) {
    throw new EnrolmentError(
      "ESP and data partition belong to different clusters",
      "Put back the disk's own ESP, or install the node again",
    );
  }
  return { credentials, volume };
}
