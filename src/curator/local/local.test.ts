// Tests of what every member serves, and of making a cluster.
import { expect, test } from "bun:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { memoryStore } from "../../base/etcd/etcd.ts";
import { Value } from "../../base/event/event.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { ownershipProof } from "../../base/pki/ownership-proof.ts";
import { verifyCa, verifyNode } from "../../base/pki/verify.ts";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import {
  GetCACertificateRequestSchema,
  GetCurrentLeaderRequestSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type BootstrapRequest,
  BootstrapRequestSchema,
} from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import {
  InitialOwnerSchema,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  NodeState,
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  NodeStorageSecurity as Security,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { CA } from "../state/cluster-pki.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { keys } from "../state/keys.ts";
import { type TestLeader, testLeader } from "../state/test-leader.ts";
import { bootstrap } from "./bootstrap.ts";
import { getCaCertificate } from "./get-ca-certificate.ts";
import { getCurrentLeader, type LeaderAddress } from "./get-current-leader.ts";

const ca = new Uint8Array([1, 2, 3]);
const secret = new Uint8Array(32).fill(4);
const nonce = new Uint8Array(32).fill(5);

async function askForCa(given: Uint8Array, ownershipSecret?: Uint8Array) {
  const store = memoryStore();
  if (ownershipSecret !== undefined) {
    const owner = create(InitialOwnerSchema, { ownershipSecret });
    await store.put(keys.initialOwner, toBinary(InitialOwnerSchema, owner));
  }
  const request = create(GetCACertificateRequestSchema, { nonce: given });
  return getCaCertificate(store, ca)(request, testCall());
}

test("getCaCertificate proves the CA to who knows the secret", async () => {
  const { identityCaCertificate, proof } = await askForCa(nonce, secret);
  expect(identityCaCertificate).toEqual(ca);
  expect(proof).toEqual(ownershipProof("ownership", secret, nonce, ca));
});

test("ownershipProof is an HMAC-SHA256 over purpose, nonce and certificate", () => {
  const hasher = new Bun.CryptoHasher("sha256", secret);
  hasher.update("metropolis ownership v1").update(nonce).update(ca);
  expect(Buffer.from(ownershipProof("ownership", secret, nonce, ca)).toString("hex")).toBe(
    hasher.digest("hex"),
  );
});

test("getCaCertificate proves nothing without a nonce, a secret or a cluster", async () => {
  expect(await askForCa(new Uint8Array(), secret)).toEqual({ identityCaCertificate: ca });
  expect((await askForCa(nonce, new Uint8Array())).proof).toHaveLength(0);
  expect((await askForCa(nonce)).proof).toHaveLength(0);
});

test.each([1, 15, 65])("getCaCertificate refuses a nonce of %i bytes", async (length) => {
  await expect(askForCa(new Uint8Array(length), secret)).rejects.toMatchObject({
    code: Code.invalidArgument,
  });
});

/** The method on a node that has IPv6 alone. */
function telling(leader: Value<LeaderAddress | undefined>) {
  return getCurrentLeader({
    ...{ self: "b", leader },
    own: () => ["fd00::7"],
    directory: () => undefined,
    obstacle: () => undefined,
  });
}

test("getCurrentLeader tells each address, and fails when there is none", async () => {
  const address = new Value<LeaderAddress | undefined>();
  address.set({ id: "a", hosts: ["10.0.0.1"], port: 7835 });
  const leaders = telling(address)(create(GetCurrentLeaderRequestSchema), testCall());
  const told = leaders[Symbol.asyncIterator]();
  const first = { leaderNodeId: "a", leaderHost: "10.0.0.1", leaderPort: 7835, thisNodeId: "b" };
  expect((await told.next()).value).toEqual(first);
  address.set({ id: "b", hosts: ["10.0.0.2"], port: 7835 });
  expect((await told.next()).value).toMatchObject({ leaderNodeId: "b", leaderHost: "10.0.0.2" });
  address.set(undefined);
  await expect(told.next()).rejects.toMatchObject({ code: Code.unavailable });
});

test.each([
  ["10.9.0.1", "10.0.0.1"],
  ["fd00::9", "fd00::1"],
  // Callers on this node.
  ["127.0.0.1", "fd00::1"],
  ["", "fd00::1"],
])("getCurrentLeader tells who comes from %p the address %p", async (remoteAddress, host) => {
  const hosts = ["10.0.0.1", "fd00::1"];
  const address = new Value<LeaderAddress | undefined>({ id: "a", hosts, port: 7835 });
  const call = { ...testCall(), remoteAddress };
  const leaders = telling(address)(create(GetCurrentLeaderRequestSchema), call);
  for await (const { leaderHost } of leaders) {
    expect(leaderHost).toBe(host);
    break;
  }
});

const node = generateKeyPair();
const owner = generateKeyPair();
const self = nodeId(node.publicKey);

type Request = Exclude<MessageInitShape<typeof BootstrapRequestSchema>, BootstrapRequest>;

const usual = {
  nodePublicKey: node.publicKey,
  joinPublicKey: generateKeyPair().publicKey,
  clusterUnlockKey: new Uint8Array(32).fill(1),
  tpmUsage: TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED,
  storageSecurity: Security.AUTHENTICATED_ENCRYPTED,
  labels: { pairs: [{ key: "zone", value: "a" }] },
  ownerPublicKey: owner.publicKey,
  ownershipSecret: secret,
  recoveryPublicKey: new Uint8Array(32).fill(2),
  sharePublicKey: new Uint8Array(32).fill(3),
};

/** The leader of a member that belongs to no cluster yet. */
async function lonely(): Promise<TestLeader> {
  const leader = await testLeader([], self);
  await leader.raw.delete(keys.certificate(CA));
  await leader.raw.delete(keys.privateKey(CA));
  return leader;
}

function make(leader: TestLeader, given: Request = {}) {
  const request = create(BootstrapRequestSchema, { ...usual, ...given });
  return bootstrap(async () => leader)(request, testCall());
}

test("bootstrap makes a cluster of one node", async () => {
  await using leader = await lonely();
  const { caCertificate, nodeCertificate } = await make(leader);
  verifyCa(caCertificate ?? ca);
  expect(verifyNode(nodeCertificate ?? ca, caCertificate ?? ca).id).toBe(self);
  expect(leader.stored(self)).toMatchObject({
    fsmState: NodeState.UP,
    publicKey: node.publicKey,
    clusterUnlockKey: usual.clusterUnlockKey,
    roles: { consensusMember: {}, kubernetesController: {} },
    storageSecurity: usual.storageSecurity,
    labels: { pairs: [{ key: "zone", value: "a" }] },
  });
  expect(leader.stored(self)?.roles?.kubernetesWorker).toBeUndefined();
  const joining = await leader.raw.get(keys.joinKey(usual.joinPublicKey));
  expect(new TextDecoder().decode(joining?.value)).toBe(self);
  expect((await loadConfiguration(leader.store)).clusterDomain).toBe("cluster.internal");
});

test("bootstrap keeps the owner and the recovery key", async () => {
  await using leader = await lonely();
  await make(leader);
  const initial = (await leader.raw.get(keys.initialOwner))?.value ?? ca;
  expect(fromBinary(InitialOwnerSchema, initial)).toMatchObject({
    publicKey: owner.publicKey,
    ownershipSecret: secret,
  });
  const recovery = (await leader.raw.get(keys.recovery))?.value ?? ca;
  expect(fromBinary(RecoverySchema, recovery)).toMatchObject({
    epochs: [{ epoch: 1n, threshold: 1 }],
  });
});

test("bootstrap writes everything at one revision", async () => {
  await using leader = await lonely();
  await make(leader);
  const { items } = await leader.raw.range("/");
  const made = items.filter(({ key }) => key !== "/leader/1");
  expect(made.length).toBe(8);
  expect(new Set(made.map(({ modRevision }) => modRevision)).size).toBe(1);
});

test("bootstrap repeated gives the same answer, of other keys none", async () => {
  await using leader = await lonely();
  const first = await make(leader);
  expect(await make(leader)).toEqual(first);
  const other = generateKeyPair().publicKey;
  for (const changed of [
    { joinPublicKey: other },
    { ownerPublicKey: other },
    { clusterUnlockKey: other },
  ]) {
    await expect(make(leader, changed)).rejects.toMatchObject({ code: Code.failedPrecondition });
  }
});

test.each<[string, Request]>([
  ["no owner", { ownerPublicKey: new Uint8Array() }],
  ["another node's key", { nodePublicKey: generateKeyPair().publicKey }],
  ["a short join key", { joinPublicKey: new Uint8Array(31) }],
  ["no unlock key", { clusterUnlockKey: new Uint8Array() }],
  ["a short secret", { ownershipSecret: new Uint8Array(31) }],
  ["a short recovery key", { recoveryPublicKey: new Uint8Array(31) }],
  ["no TPM usage", { tpmUsage: TpmUsage.NODE_TPM_USAGE_INVALID }],
  ["storage against the default policy", { storageSecurity: Security.ENCRYPTED }],
  ["a bad domain", { initialClusterConfiguration: { clusterDomain: "-" } }],
])("bootstrap refuses %s and makes nothing", async (_, given) => {
  await using leader = await lonely();
  await expect(make(leader, given)).rejects.toMatchObject({ code: Code.invalidArgument });
  expect(leader.nodes.list()).toEqual([]);
});

test("bootstrap without secret, recovery and encryption", async () => {
  await using leader = await lonely();
  await make(leader, {
    ownershipSecret: new Uint8Array(),
    recoveryPublicKey: new Uint8Array(),
    clusterUnlockKey: new Uint8Array(),
    storageSecurity: Security.INSECURE,
    initialClusterConfiguration: { storageSecurityPolicy: Policy.NEEDS_INSECURE },
  });
  expect(await leader.raw.get(keys.recovery)).toBeUndefined();
  expect(leader.stored(self)?.fsmState).toBe(NodeState.UP);
});
