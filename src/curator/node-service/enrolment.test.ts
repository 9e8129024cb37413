// Tests of how a machine becomes a member: register, commit, join.
import { expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { generateKeyPair, type KeyPair } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import { type Call, Code } from "../../base/rpc/rpc.ts";
import {
  CommitNodeRequestSchema,
  JoinNodeRequestSchema,
  RegisterNodeRequestSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Node_RegistrationSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  ClusterConfigurationSchema,
  HardwareSchema,
  NodeState,
  NodeStorageSecurity as Security,
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "../state/keys.ts";
import { REGISTRATION_RATE, SEEN_MS } from "../state/limits.ts";
import { changeNode } from "../state/nodes.ts";
import { ensureRegisterTicket } from "../state/register-ticket.ts";
import {
  nodeCall,
  strangerCall,
  type TestLeader,
  testCa,
  testLeader,
} from "../state/test-leader.ts";
import { commitNode } from "./commit-node.ts";
import { joinNode } from "./join-node.ts";
import { registerNode } from "./register-node.ts";

const machine = generateKeyPair();
const join = generateKeyPair();
const id = nodeId(machine.publicKey);
const machineCall = strangerCall(machine.publicKey);
const unlockKey = new Uint8Array(32).fill(9);

type Register = MessageInitShape<typeof RegisterNodeRequestSchema>;
type Commit = MessageInitShape<typeof CommitNodeRequestSchema>;

async function register(leader: TestLeader, given: Register = {}, call: Call = machineCall) {
  const registerTicket = await ensureRegisterTicket(leader.store);
  const usual = { registerTicket, joinKey: join.publicKey, haveLocalTpm: true };
  return registerNode(leader)(create(RegisterNodeRequestSchema, { ...usual, ...given }), call);
}

function commit(leader: TestLeader, given: Commit = {}, call: Call = machineCall) {
  const usual = { clusterUnlockKey: unlockKey, storageSecurity: Security.AUTHENTICATED_ENCRYPTED };
  return commitNode(leader)(create(CommitNodeRequestSchema, { ...usual, ...given }), call);
}

function rejoin(leader: TestLeader, usingSealedConfiguration = true, key: KeyPair = join) {
  const request = create(JoinNodeRequestSchema, { usingSealedConfiguration });
  return joinNode(leader)(request, strangerCall(key.publicKey));
}

async function configure(leader: TestLeader, tpmMode: TpmMode, storageSecurityPolicy = 0) {
  const value = create(ClusterConfigurationSchema, { tpmMode, storageSecurityPolicy });
  await leader.raw.put(keys.configuration, toBinary(ClusterConfigurationSchema, value));
}

/** A node with the machine's key. */
function enrolled(leader: TestLeader, fsmState: NodeState, fields = {}) {
  const { publicKey } = machine;
  const usual = { id, publicKey, joinKey: join.publicKey };
  return leader.add({
    ...usual,
    fsmState,
    tpmUsage: TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED,
    ...fields,
  });
}

test("registerNode makes a NEW node and tells it the policy", async () => {
  await using leader = await testLeader();
  const pairs = ["a", "a", "-"].map((key, i) => ({ key, value: `${i}` }));
  const answer = await register(leader, { labels: { pairs } });
  expect(answer).toMatchObject({
    clusterConfiguration: { clusterDomain: "cluster.internal" },
    tpmUsage: TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED,
    recommendedNodeStorageSecurity: Security.AUTHENTICATED_ENCRYPTED,
  });
  expect(leader.stored(id)).toMatchObject({ id, fsmState: NodeState.NEW, joinKey: join.publicKey });
  expect(leader.stored(id)?.labels?.pairs).toMatchObject([{ key: "a", value: "0" }]);
  expect((await leader.raw.get(keys.joinKey(join.publicKey)))?.value).toEqual(Buffer.from(id));
});

test("registerNode repeated gives the same answer, and one node", async () => {
  await using leader = await testLeader();
  const first = await register(leader);
  expect(await register(leader)).toEqual(first);
  expect(leader.nodes.list()).toHaveLength(1);
});

test("registerNode again with another join key forgets the old one", async () => {
  await using leader = await testLeader();
  await register(leader);
  const joinKey = generateKeyPair().publicKey;
  await register(leader, { joinKey });
  expect(leader.stored(id)?.joinKey).toEqual(joinKey);
  expect(await leader.raw.get(keys.joinKey(join.publicKey))).toBeUndefined();
});

test.each<[string, Register, Call, Code]>([
  ["nobody", {}, strangerCall(), Code.unauthenticated],
  ["a member", {}, nodeCall(id), Code.unauthenticated],
  ["a short join key", { joinKey: new Uint8Array(31) }, machineCall, Code.invalidArgument],
  ["no ticket", { registerTicket: new Uint8Array() }, machineCall, Code.permissionDenied],
  [
    "a wrong ticket",
    { registerTicket: new Uint8Array([10, 1, 7]) },
    machineCall,
    Code.permissionDenied,
  ],
  [
    "garbage as ticket",
    { registerTicket: new Uint8Array([255]) },
    machineCall,
    Code.permissionDenied,
  ],
  ["a machine without TPM", { haveLocalTpm: false }, machineCall, Code.permissionDenied],
])("registerNode refuses %s", async (_, given, call, code) => {
  await using leader = await testLeader();
  await expect(register(leader, given, call)).rejects.toMatchObject({ code });
  expect(leader.nodes.list()).toEqual([]);
});

test("registerNode refuses a ticket before there is one", async () => {
  await using leader = await testLeader();
  const request = create(RegisterNodeRequestSchema, { joinKey: join.publicKey });
  await expect(registerNode(leader)(request, machineCall)).rejects.toMatchObject({
    code: Code.permissionDenied,
  });
});

test("registerNode again needs no ticket, so that one that is rotated strands nobody", async () => {
  await using leader = await testLeader();
  await register(leader);
  const garbage = { registerTicket: new Uint8Array([1]) };
  await register(leader, garbage);
  const joinKey = generateKeyPair().publicKey;
  await expect(register(leader, { ...garbage, joinKey })).rejects.toMatchObject({
    code: Code.permissionDenied,
  });
});

/** How often the store was written to. */
const writes = async (leader: TestLeader) => (await leader.raw.range("/")).revision;

test("registerNode writes nothing without the present ticket, nor what is known", async () => {
  await using leader = await testLeader();
  const hardware = { vendor: "a", model: "b", serial: "c" };
  await register(leader, { hardware });
  const before = await writes(leader);
  await register(leader, { hardware });
  const wrong = { registerTicket: new Uint8Array([1]) };
  await register(leader, { ...wrong, hardware: { ...hardware, serial: "d" } });
  expect(await writes(leader)).toBe(before);
  await register(leader, { hardware: { ...hardware, serial: "e" } });
  expect(leader.stored(id)?.registration?.hardware?.serial).toBe("e");
});

test("registerNode keeps only so much of what a machine says", async () => {
  await using leader = await testLeader();
  const long = "x".repeat(20_000);
  const hardware = create(HardwareSchema, { vendor: `a\u001b[31m\u202e${long}`, model: long });
  hardware.$unknown = [{ no: 99, wireType: 2, data: new Uint8Array(40_000) }];
  const pairs = Array.from({ length: 200 }, (_, at) => ({ key: `k${at}`, value: "v".repeat(60) }));
  await register(leader, { hardware, labels: { pairs } });
  const stored = await leader.raw.get(keys.node(id));
  expect(stored?.value.length).toBeLessThan(4_000);
  expect(leader.stored(id)?.registration?.hardware?.vendor).toMatch(/^a\[31mx+$/);
  expect(leader.stored(id)?.labels?.pairs.length).toBeGreaterThan(20);
});

test("registerNode writes only so often for one address", async () => {
  await using leader = await testLeader();
  leader.registrations.take("192.0.2.7", REGISTRATION_RATE.burst);
  const call = { ...machineCall, remoteAddress: "192.0.2.7" };
  await expect(register(leader, {}, call)).rejects.toMatchObject({ code: Code.resourceExhausted });
  await register(leader, {}, { ...machineCall, remoteAddress: "192.0.2.8" });
});

test.each([
  ["of the present ticket", false],
  ["of an old one, for which nothing is written any more,", true],
])("commitNode is a sign of life of a NEW node %s", async (_, isOld) => {
  await using leader = await testLeader();
  await register(leader);
  const seen = timestampFromMs(Date.now() - SEEN_MS - 1_000);
  const other = isOld ? { ticketDigest: new Uint8Array(32) } : {};
  await changeNode(leader, id, ({ registration }) => ({
    fields: {
      registration: { ...(registration ?? create(Node_RegistrationSchema)), seen, ...other },
    },
  }));
  const before = await writes(leader);
  await expect(commit(leader)).rejects.toMatchObject({ code: Code.permissionDenied });
  await expect(commit(leader)).rejects.toMatchObject({ code: Code.permissionDenied });
  expect((await writes(leader)) - before).toBe(isOld ? 0n : 1n);
});

test("registerNode refuses a node that was decommissioned", async () => {
  await using leader = await testLeader();
  await enrolled(leader, NodeState.DECOMMISSIONED);
  await expect(register(leader)).rejects.toMatchObject({ code: Code.failedPrecondition });
});

test("registerNode refuses a node that is UP with another join key", async () => {
  await using leader = await testLeader();
  await enrolled(leader, NodeState.UP);
  const other = { joinKey: new Uint8Array(32).fill(99) };
  await expect(register(leader, other)).rejects.toMatchObject({ code: Code.failedPrecondition });
});

test.each([NodeState.STANDBY, NodeState.UP])(
  "registerNode answers again to a node in state %p, and changes nothing",
  async (state) => {
    await using leader = await testLeader();
    await enrolled(leader, state);
    const before = leader.stored(id);
    await register(leader);
    expect(leader.stored(id)).toBe(before);
  },
);

test("registerNode refuses another node's join key", async () => {
  await using leader = await testLeader();
  await register(leader);
  const other = strangerCall(generateKeyPair().publicKey);
  await expect(register(leader, {}, other)).rejects.toMatchObject({ code: Code.invalidArgument });
});

test("commitNode makes an approved node a member with a certificate", async () => {
  await using leader = await testLeader();
  await enrolled(leader, NodeState.STANDBY);
  const { caCertificate, nodeCertificate } = await commit(leader);
  expect(caCertificate).toEqual(testCa.certificate);
  expect(verifyNode(nodeCertificate ?? new Uint8Array(), testCa.certificate).id).toBe(id);
  expect(leader.stored(id)).toMatchObject({
    fsmState: NodeState.UP,
    clusterUnlockKey: unlockKey,
    storageSecurity: Security.AUTHENTICATED_ENCRYPTED,
  });
});

test("commitNode repeated with the same key gives the same answer", async () => {
  await using leader = await testLeader();
  await enrolled(leader, NodeState.STANDBY);
  const first = await commit(leader);
  expect(await commit(leader)).toEqual(first);
});

/** A value from a future that we do not know. */
const FUTURE: number = 9;
const ENCRYPTED = { storageSecurity: Security.ENCRYPTED };

test.each<[string, NodeState, Commit, Code]>([
  ["no storage security", NodeState.STANDBY, { storageSecurity: 0 }, Code.invalidArgument],
  [
    "unknown storage security",
    NodeState.STANDBY,
    { storageSecurity: FUTURE },
    Code.invalidArgument,
  ],
  ["storage against the policy", NodeState.STANDBY, ENCRYPTED, Code.failedPrecondition],
  ["storage against the policy, of a new node", NodeState.NEW, ENCRYPTED, Code.failedPrecondition],
  ["a node that is not approved", NodeState.NEW, {}, Code.permissionDenied],
  [
    "a member with another key",
    NodeState.UP,
    { clusterUnlockKey: new Uint8Array(32) },
    Code.failedPrecondition,
  ],
  ["a decommissioned node", NodeState.DECOMMISSIONED, {}, Code.failedPrecondition],
  [
    "no unlock key",
    NodeState.STANDBY,
    { clusterUnlockKey: new Uint8Array() },
    Code.invalidArgument,
  ],
  [
    "a short unlock key",
    NodeState.STANDBY,
    { clusterUnlockKey: new Uint8Array(31) },
    Code.invalidArgument,
  ],
])("commitNode refuses %s", async (_, state, given, code) => {
  await using leader = await testLeader();
  await enrolled(leader, state);
  await expect(commit(leader, given)).rejects.toMatchObject({ code });
  expect(leader.stored(id)?.fsmState).toBe(state);
});

test("commitNode refuses who proves no key, and who is no node", async () => {
  await using leader = await testLeader();
  await expect(commit(leader, {}, strangerCall())).rejects.toMatchObject({
    code: Code.unauthenticated,
  });
  await expect(commit(leader)).rejects.toMatchObject({ code: Code.notFound });
});

test("commitNode with insecure storage takes no unlock key", async () => {
  await using leader = await testLeader();
  await configure(leader, TpmMode.TPM_MODE_DISABLED, 4);
  await enrolled(leader, NodeState.STANDBY);
  const storageSecurity = Security.INSECURE;
  const refused = commit(leader, { storageSecurity });
  await expect(refused).rejects.toMatchObject({ code: Code.invalidArgument });
  await commit(leader, { storageSecurity, clusterUnlockKey: new Uint8Array() });
  expect(leader.stored(id)?.fsmState).toBe(NodeState.UP);
});

async function joinable(fsmState: NodeState) {
  const leader = await testLeader();
  await enrolled(leader, fsmState, { clusterUnlockKey: unlockKey });
  await leader.raw.put(keys.joinKey(join.publicKey), new TextEncoder().encode(id));
  return leader;
}

test("joinNode gives a member its unlock key", async () => {
  await using leader = await joinable(NodeState.UP);
  expect(await rejoin(leader)).toEqual({ clusterUnlockKey: unlockKey });
});

test("joinNode refuses who proves no key, no join key, or the wrong one", async () => {
  await using leader = await joinable(NodeState.UP);
  const request = create(JoinNodeRequestSchema, { usingSealedConfiguration: true });
  await expect(joinNode(leader)(request, strangerCall())).rejects.toMatchObject({
    code: Code.permissionDenied,
  });
  await expect(rejoin(leader, true, machine)).rejects.toMatchObject({ code: Code.notFound });
});

test("joinNode refuses a node without its TPM, and one where none is wanted", async () => {
  await using leader = await joinable(NodeState.UP);
  await expect(rejoin(leader, false)).rejects.toMatchObject({ code: Code.permissionDenied });
  await configure(leader, TpmMode.TPM_MODE_DISABLED);
  await expect(rejoin(leader, true)).rejects.toMatchObject({ code: Code.permissionDenied });
});

test.each([NodeState.NEW, NodeState.STANDBY, NodeState.DECOMMISSIONED])(
  "joinNode refuses a node in state %p",
  async (state) => {
    await using leader = await joinable(state);
    await expect(rejoin(leader)).rejects.toMatchObject({ code: Code.failedPrecondition });
  },
);
