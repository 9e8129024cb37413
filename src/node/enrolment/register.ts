// The steps of a registration: the machine asks a cluster for admission, waits for an
// operator, and becomes a member.
//
// The cluster knows the machine by its keys, so they lie sealed on the ESP before it
// hears of them: after a reboot the same node goes on. Every call may be repeated.
import { create, toBinary } from "@bufbuild/protobuf";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { syncDisks } from "../../base/linux/reboot.ts";
import { nodeId, shortFingerprint } from "../../base/pki/node-id.ts";
import { type Channel, Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  Curator,
  type RegisterNodeResponse,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { NodeParameters_ClusterRegister } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import {
  ClusterDirectorySchema,
  type NodeRoles,
  NodeRolesSchema,
  NodeStorageSecurity as Security,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { connectAsStranger, knownOf, withCandidates } from "../roles/connection.ts";
import { type Credentials, makeCredentials, saveCredentials } from "../storage/credentials.ts";
import type { DataVolume } from "../storage/data.ts";
import { dataPassphrase } from "../storage/keys.ts";
import { SealError } from "../storage/sealed.ts";
import type { Vault } from "../storage/vault.ts";
import { awaitApproval } from "./approval.ts";
import {
  lastSteps,
  left,
  openLock,
  prepareData,
  type Steps,
  type Surroundings,
  shutStep,
  writeCommitment,
} from "./attempt.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { hardware } from "./hardware.ts";
import { type Keyring, sealSecrets } from "./keyring.ts";
import { ensurePendingKeys } from "./pending-keys.ts";
import { protection } from "./plan.ts";
import { whileSearching } from "./search.ts";

/** What one step leaves for the next. */
interface Attempt {
  readonly ring: Pick<Keyring, "node" | "join" | "nodeUnlockKey" | "clusterUnlockKey">;
  readonly id: string;
  /** Why its keys are not sealed; undefined where they are. */
  readonly refusal: SealError | undefined;
  answer?: RegisterNodeResponse;
  volume?: DataVolume;
  credentials?: Credentials;
}

const WRITE_MEDIUM = "Write the installation medium anew with metroctl and install again";

const SWITCH_ON =
  "Trying again: switch members of the cluster on, or put this machine on a link with one; if " +
  "all have other addresses by now, write the installation medium anew and install again";

/** The steps, for one attempt. */
export function registerSteps(
  all: Surroundings,
  parameters: NodeParameters_ClusterRegister,
): Steps {
  let attempt: Attempt | undefined;
  const current = () => left(attempt, "keys");
  const outcome = () => ({
    credentials: left(current().credentials, "certificate"),
    volume: left(current().volume, "data partition"),
  });
  return {
    keys: async () => {
      attempt = await begin(all, parameters);
    },
    register: async () => {
      current().answer = await register(all, parameters, current());
    },
    storage: async () => {
      current().volume = await makeStorage(all, current());
    },
    approval: async () => {
      current().credentials = await becomeMember(all, parameters, current());
    },
    ...shutStep(all),
    commit: () => commit(all, parameters, current()),
    ...lastSteps(all, noRoles, outcome),
  };
}

function noRoles(): NodeRoles {
  return create(NodeRolesSchema);
}

async function begin(
  all: Surroundings,
  { caCertificate, clusterDirectory }: NodeParameters_ClusterRegister,
): Promise<Attempt> {
  if (caCertificate.length === 0 || knownOf(clusterDirectory).seeds.length === 0) {
    throw new EnrolmentError("the medium does not say where its cluster is", WRITE_MEDIUM);
  }
  const { vault, log, paths } = all;
  const refusal = await sealingRefusal(vault);
  const canSeal = refusal === undefined;
  const path = paths.esp.registration;
  const ring = await ensurePendingKeys({ path, vault, clusterCa: caCertificate, canSeal, log });
  return { ring, id: nodeId(ring.node.publicKey), refusal };
}

/** Why this machine must not seal. Whether it has to, the cluster says later. */
async function sealingRefusal(vault: Vault): Promise<SealError | undefined> {
  try {
    await vault.requireSealing();
    return undefined;
  } catch (error) {
    if (error instanceof SealError) return error;
    throw error;
  }
}

/**
 * A way to the cluster as the holder of the node's key, which it does not know yet. Where the
 * members of the medium are elsewhere by now, neighbours say where: whoever is dialled there has
 * to show the certificate of that very member.
 */
function connectRegistrar(
  { whereabouts }: Surroundings,
  { caCertificate, clusterDirectory }: NodeParameters_ClusterRegister,
  { ring }: Attempt,
): Promise<Channel> {
  const named = knownOf(clusterDirectory);
  // What is sent there, ticket and key, is for the leader alone.
  const known = () => ({
    ...withCandidates(named, (id) => whereabouts.candidates(id)),
    isStrict: true,
  });
  return connectAsStranger(ring.node, caCertificate, known);
}

/** Throws what a call failed with; with advice where the cluster is not found. */
export function throwUnreached(error: unknown): never {
  if (!(error instanceof RpcError) || error.code !== Code.unavailable) throw error;
  throw new EnrolmentError(error.message, SWITCH_ON);
}

async function register(
  all: Surroundings,
  parameters: NodeParameters_ClusterRegister,
  attempt: Attempt,
): Promise<RegisterNodeResponse> {
  using channel = await connectRegistrar(all, parameters, attempt);
  const request = {
    registerTicket: parameters.registerTicket,
    joinKey: attempt.ring.join.publicKey,
    haveLocalTpm: all.vault.hasTpm,
    hardware: hardware(),
    ...(parameters.labels && { labels: parameters.labels }),
  };
  const answer = await whileSearching(all, parameters, attempt, () =>
    channel.client(Curator).registerNode(request, { signal: all.signal }),
  ).catch(throwUnreached);
  requireDemanded(answer, attempt.refusal);
  all.log.info(`Registered as ${attempt.id}`);
  return answer;
}

/** Throws an {@link EnrolmentError} where the cluster demands what this machine must not do. */
export function requireDemanded(
  answer: Pick<RegisterNodeResponse, "tpmUsage">,
  refusal: SealError | undefined,
): void {
  if (!isSealing(answer) || refusal === undefined) return;
  const { message, advice } = refusal;
  throw new EnrolmentError(`the cluster demands the TPM: ${message}`, advice);
}

function isSealing({ tpmUsage }: Pick<RegisterNodeResponse, "tpmUsage">): boolean {
  return tpmUsage === TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED;
}

/** Made anew at each attempt: nothing on it counts before the commit point. */
async function makeStorage(all: Surroundings, attempt: Attempt): Promise<DataVolume> {
  const { ring } = attempt;
  const lock = {
    protection: protection(security(attempt)),
    passphrase: dataPassphrase(ring.nodeUnlockKey, ring.clusterUnlockKey),
  };
  const volume = await all.partition.create(lock, all.storageLog);
  await prepareData(all);
  return volume;
}

function security({ answer }: Attempt): Security {
  return left(answer, "answer of the cluster").recommendedNodeStorageSecurity;
}

async function becomeMember(
  all: Surroundings,
  parameters: NodeParameters_ClusterRegister,
  attempt: Attempt,
): Promise<Credentials> {
  const { ring, id } = attempt;
  const fingerprint = shortFingerprint(ring.node.publicKey);
  const storageSecurity = security(attempt);
  const isInsecure = storageSecurity === Security.INSECURE;
  using channel = await connectRegistrar(all, parameters, attempt);
  const request = {
    storageSecurity,
    clusterUnlockKey: isInsecure ? new Uint8Array() : ring.clusterUnlockKey,
  };
  const call = `metroctl approve ${id} (fingerprint ${fingerprint})`;
  const { log, signal } = all;
  const answer = await whileSearching(all, parameters, attempt, (isReached) =>
    awaitApproval(channel, { request, call, isReached, log, signal }),
  );
  if (Buffer.compare(answer.caCertificate, parameters.caCertificate) !== 0) {
    throw new EnrolmentError("the cluster has another CA than the medium says", WRITE_MEDIUM);
  }
  const own = makeCredentials(ring.node, answer.nodeCertificate, answer.caCertificate);
  await saveCredentials(all.paths.data.credentials, own);
  return own;
}

/** Writes the files that make the node join from the next boot on, the deciding one last. */
async function commit(
  all: Surroundings,
  { clusterDirectory }: NodeParameters_ClusterRegister,
  attempt: Attempt,
): Promise<void> {
  const { paths } = all;
  const { ring, credentials, answer } = attempt;
  const directory = clusterDirectory ?? create(ClusterDirectorySchema);
  await writeFileAtomic(paths.esp.clusterDirectory, toBinary(ClusterDirectorySchema, directory));
  const roles = toBinary(NodeRolesSchema, noRoles());
  await writeFileAtomic(paths.data.roles, roles);
  const isSealed = isSealing(left(answer, "answer of the cluster"));
  await writeCommitment(all, isSealed);
  const { join, nodeUnlockKey, clusterUnlockKey } = ring;
  const clusterCa = left(credentials, "certificate").ca;
  const known = { nodeId: attempt.id, join, nodeUnlockKey, clusterCa };
  const configured = { ...known, storageSecurity: security(attempt), isSealed };
  const sealed = await sealSecrets(all.vault, configured);
  // Everything that the sealed configuration leads to has to be on the disk before it is.
  syncDisks();
  await writeFileAtomic(paths.esp.sealedConfiguration, sealed);
  all.lock.set(openLock(all, known, clusterUnlockKey));
}
