// The steps of a bootstrap: the node makes a cluster of which it is the first member.
import { create, toBinary } from "@bufbuild/protobuf";
import { etcdStore } from "../../base/etcd/etcd.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { syncDisks } from "../../base/linux/reboot.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { CuratorBootstrap } from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import type { NodeParameters_ClusterBootstrap } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import {
  ClusterDirectorySchema,
  type NodeRoles,
  NodeRolesSchema,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Member } from "../consensus/config.ts";
import { connectEtcd } from "../consensus/connection.ts";
import { caRecords, createEtcdCa, createMember } from "../consensus/pki.ts";
import { firstRecovery, shareKeyPair } from "../recovery/recovery.ts";
import { connectCurator, persist } from "../roles/curator.ts";
import type { CuratorSettings } from "../roles/settings.ts";
import { type Credentials, makeCredentials, saveCredentials } from "../storage/credentials.ts";
import type { DataVolume } from "../storage/data.ts";
import { dataPassphrase } from "../storage/keys.ts";
import {
  lastSteps,
  left,
  openLock,
  prepareData,
  type Steps,
  type Surroundings,
  shutStep,
  startControlPlane,
  writeCommitment,
} from "./attempt.ts";
import { awaitTime } from "./await-time.ts";
import { createKeyring, type Keyring, sealSecrets } from "./keyring.ts";
import { type BootstrapPlan, planBootstrap, protection } from "./plan.ts";

/** Where etcd keeps its own CA, apart from everything else. */
const ETCD_PKI_NAMESPACE = "namespaced:etcd-pki/";

/** Making the cluster takes an election and a transaction; on a slow machine, some seconds. */
const BOOTSTRAP_TIMEOUT_MS = 60_000;

/** What one step leaves for the next. */
export interface Attempt {
  readonly plan: BootstrapPlan;
  readonly ring: Keyring;
  readonly id: string;
  volume?: DataVolume;
  /** Of the certificates of etcd and the curator. */
  serials?: readonly Uint8Array[];
  settings?: CuratorSettings;
  credentials?: Credentials;
}

/** The steps, for one attempt. */
export function bootstrapSteps(
  all: Surroundings,
  parameters: NodeParameters_ClusterBootstrap,
): Steps {
  return firstNodeSteps(all, parameters).steps;
}

/** The same, and what a restore needs to know of the attempt. */
export function firstNodeSteps(
  all: Surroundings,
  parameters: NodeParameters_ClusterBootstrap,
): { readonly steps: Steps; readonly current: () => Attempt } {
  let attempt: Attempt | undefined;
  const current = () => left(attempt, "plan");
  const outcome = () => ({
    credentials: left(current().credentials, "certificate"),
    volume: left(current().volume, "data partition"),
  });
  const steps = {
    storage: async () => {
      attempt = await begin(all, parameters);
      attempt.volume = await makeStorage(all, attempt);
    },
    consensus: async () => {
      current().settings = await makeConsensus(all, current());
    },
    cluster: async () => {
      await awaitTime(all);
      current().credentials = await makeCluster(all, current());
    },
    ...shutStep(all),
    commit: () => commit(all, current(), outcome().credentials),
    ...lastSteps(all, firstRoles, outcome),
  };
  return { steps, current };
}

/** What the curator gives the first node; it tells so itself as soon as it is asked. */
function firstRoles(): NodeRoles {
  return create(NodeRolesSchema, { consensusMember: {}, kubernetesController: {} });
}

async function begin(
  { vault, log }: Surroundings,
  parameters: NodeParameters_ClusterBootstrap,
): Promise<Attempt> {
  await vault.beginAnew();
  const plan = planBootstrap(parameters, vault.hasTpm);
  // Asked before anything is written: at the end it would be too late to say so.
  if (isSealing(plan)) await vault.requireSealing();
  const ring = await createKeyring((length) => vault.random(length));
  const usage = TpmUsage[plan.tpmUsage].replace("NODE_TPM_", "").replaceAll("_", " ").toLowerCase();
  log.info(`Bootstrapping: owner ${plan.ownerPublicKey.toHex()}, TPM ${usage}`);
  return { plan, ring, id: nodeId(ring.node.publicKey) };
}

async function makeStorage(all: Surroundings, { plan, ring }: Attempt): Promise<DataVolume> {
  const lock = {
    protection: protection(plan.storageSecurity),
    passphrase: dataPassphrase(ring.nodeUnlockKey, ring.clusterUnlockKey),
  };
  const volume = await all.partition.create(lock, all.storageLog);
  await prepareData(all);
  return volume;
}

async function makeConsensus(all: Surroundings, attempt: Attempt): Promise<CuratorSettings> {
  const ca = await createEtcdCa();
  attempt.serials = await createMember(ca, attempt.id, all.paths.data, all.etcdOwner);
  return startControlPlane(all, attempt.id, (member) => keepCa(member, caRecords(ca), all.signal));
}

/** Writes etcd's CA into etcd, from where later members are certified. */
async function keepCa(
  member: Member,
  records: ReadonlyMap<string, Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  using channel = await connectEtcd(member);
  const store = etcdStore(channel, ETCD_PKI_NAMESPACE);
  const writes = [...records].map(([put, value]) => ({ put, value }));
  await persist(signal, () => store.transact([], writes));
}

async function makeCluster(all: Surroundings, attempt: Attempt): Promise<Credentials> {
  const { plan, ring } = attempt;
  using channel = connectCurator(left(attempt.settings, "curator"));
  const client = channel.client(CuratorBootstrap);
  const request = {
    nodePublicKey: ring.node.publicKey,
    joinPublicKey: ring.join.publicKey,
    clusterUnlockKey: ring.clusterUnlockKey,
    tpmUsage: plan.tpmUsage,
    storageSecurity: plan.storageSecurity,
    labels: plan.labels,
    ownerPublicKey: plan.ownerPublicKey,
    ownershipSecret: plan.ownershipSecret,
    operatorRecoveryKey: plan.operatorRecoveryKey,
    initialClusterConfiguration: plan.configuration,
    recoveryPublicKey: ring.recovery.publicKey,
    restored: plan.isRestore,
    consensusSerials: [...left(attempt.serials, "certificates of consensus")],
    sharePublicKey: shareKeyPair(ring.nodeUnlockKey).publicKey,
  };
  const options = { signal: all.signal, timeoutMs: BOOTSTRAP_TIMEOUT_MS };
  // Asked again with the same keys it answers the same, so a lost answer does no harm.
  const answer = await persist(all.signal, () => client.bootstrap(request, options));
  const made = makeCredentials(ring.node, answer.nodeCertificate, answer.caCertificate);
  await saveCredentials(all.paths.data.credentials, made);
  return made;
}

function isSealing({ tpmUsage }: BootstrapPlan): boolean {
  return tpmUsage === TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED;
}

/** Writes the files that make the node join from the next boot on, the deciding one last. */
async function commit(all: Surroundings, { plan, ring, id }: Attempt, own: Credentials) {
  const { esp } = all.paths;
  const directory = create(ClusterDirectorySchema, {
    nodes: [{ id, addresses: [{ host: "127.0.0.1" }], consensusMember: true }],
  });
  await writeFileAtomic(esp.clusterDirectory, toBinary(ClusterDirectorySchema, directory));
  await writeFileAtomic(all.paths.data.roles, toBinary(NodeRolesSchema, firstRoles()));
  await writeFileAtomic(all.paths.data.owner, plan.ownerPublicKey);
  const { join, nodeUnlockKey, clusterUnlockKey } = ring;
  const known = { nodeId: id, join, nodeUnlockKey, clusterCa: own.ca };
  const lock = openLock(all, known, clusterUnlockKey);
  const owner = { ...known, joinKey: join.publicKey };
  await lock.file.write(
    await firstRecovery(owner, ring.recovery, clusterUnlockKey, plan.operatorRecoveryKey),
  );
  await writeCommitment(all, isSealing(plan));
  const { storageSecurity } = plan;
  const configured = { ...known, storageSecurity, isSealed: isSealing(plan) };
  const sealed = await sealSecrets(all.vault, configured);
  // Everything that the sealed configuration leads to has to be on the disk before it is.
  syncDisks();
  await writeFileAtomic(esp.sealedConfiguration, sealed);
  all.lock.set(lock);
}
