// Nodes that were deleted still hold certificates: they are refused at each call.
import { expect, test } from "bun:test";
import { issueCa, issueNode, issueUser, selfSigned, validFor } from "../base/pki/certificate.ts";
import { generateKeyPair } from "../base/pki/keys.ts";
import { type Call, Code, RpcError, testCall } from "../base/rpc/rpc.ts";
import { Curator } from "../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../gen/metropolis/proto/common/common_pb.ts";
import { authorizeMember, isKnownTo } from "./authorize.ts";
import { testCa, testLeader } from "./state/test-leader.ts";

/** The code that a call of a method is refused with; undefined when it is let through. */
function refusal(authorize: (call: Call) => void, call: Call): Code | undefined {
  try {
    authorize(call);
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}

function callOf(method: Call["method"], ...peerCertificates: readonly Uint8Array[]): Call {
  return testCall({ method, peerCertificates });
}

test("authorizeMember lets a node in while the cluster knows it", async () => {
  await using leader = await testLeader();
  const { id, publicKey } = await leader.add();
  const certificate = await issueNode(testCa, publicKey, validFor(1));
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  const call = callOf(Curator.method.updateNodeStatus, certificate);
  expect(refusal(authorize, call)).toBeUndefined();
  expect(call.peer).toMatchObject({ kind: "node", id });
});

test("authorizeMember refuses a node with a good certificate that the cluster does not know", async () => {
  await using leader = await testLeader();
  const certificate = await issueNode(testCa, generateKeyPair().publicKey, validFor(1));
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  const call = callOf(Curator.method.updateNodeStatus, certificate);
  expect(refusal(authorize, call)).toBe(Code.unauthenticated);
});

test.each([
  [NodeState.NEW, Code.unauthenticated],
  [NodeState.STANDBY, Code.unauthenticated],
  [NodeState.DECOMMISSIONED, undefined],
])("authorizeMember of a node in state %i that has a certificate: %p", async (fsmState, code) => {
  await using leader = await testLeader();
  const { publicKey } = await leader.add({ fsmState });
  const certificate = await issueNode(testCa, publicKey, validFor(1));
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  expect(refusal(authorize, callOf(Curator.method.updateNodeStatus, certificate))).toBe(code);
});

test("authorizeMember lets the owner of this cluster manage it, and no other's", async () => {
  await using leader = await testLeader();
  const { publicKey } = generateKeyPair();
  leader.owner.set(publicKey);
  const other = generateKeyPair();
  const otherCa = { keyPair: other, certificate: await issueCa(other) };
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  const own = await issueUser(testCa, publicKey, "owner", validFor(1));
  const foreign = await issueUser(otherCa, publicKey, "owner", validFor(1));
  for (const method of Object.values(Management.method)) {
    expect(refusal(authorize, callOf(method, own))).toBeUndefined();
    expect(refusal(authorize, callOf(method, foreign))).toBe(Code.unauthenticated);
  }
});

test("authorizeMember refuses a key that was the owner's, and waits to know which is", async () => {
  await using leader = await testLeader();
  const { publicKey } = generateKeyPair();
  const own = await issueUser(testCa, publicKey, "owner", validFor(1));
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  const call = () => callOf(Management.method.getClusterInfo, own);
  expect(refusal(authorize, call())).toBe(Code.unavailable);
  leader.owner.set(generateKeyPair().publicKey);
  expect(refusal(authorize, call())).toBe(Code.unauthenticated);
});

test("authorizeMember lets no node manage the cluster", async () => {
  await using leader = await testLeader();
  const { publicKey } = await leader.add();
  const certificate = await issueNode(testCa, publicKey, validFor(1));
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  for (const method of [
    Management.method.approveNode,
    Management.method.getRegisterTicket,
    Management.method.deleteNode,
    Management.method.configureCluster,
  ])
    expect(refusal(authorize, callOf(method, certificate))).toBe(Code.permissionDenied);
});

test("authorizeMember wants a certificate where there is something to protect", async () => {
  await using leader = await testLeader();
  const authorize = authorizeMember(testCa.certificate, leader.nodes, leader.owner);
  for (const method of Object.values(Management.method))
    expect(refusal(authorize, callOf(method))).toBe(Code.unauthenticated);
});

test("isKnownTo gives room to users and nodes of the cluster, and to no other's", async () => {
  await using leader = await testLeader();
  const { publicKey } = await leader.add();
  leader.owner.set(publicKey);
  const isKnown = isKnownTo(testCa.certificate, leader.nodes, leader.owner);
  const otherKey = generateKeyPair();
  const other = { keyPair: otherKey, certificate: await issueCa(otherKey) };
  for (const [issuer, expected] of [
    [testCa, true],
    [other, false],
  ] as const) {
    expect(isKnown([await issueUser(issuer, publicKey, "owner", validFor(1))])).toBe(expected);
    expect(isKnown([await issueNode(issuer, publicKey, validFor(1))])).toBe(expected);
  }
  expect(isKnown([])).toBe(false);
  expect(isKnown([crypto.getRandomValues(new Uint8Array(99))])).toBe(false);
});

test("isKnownTo gives none to a key that was the owner's", async () => {
  await using leader = await testLeader();
  leader.owner.set(generateKeyPair().publicKey);
  const isKnown = isKnownTo(testCa.certificate, leader.nodes, leader.owner);
  const old = await issueUser(testCa, generateKeyPair().publicKey, "owner", validFor(1));
  expect(isKnown([old])).toBe(false);
});

test("isKnownTo gives none to a deleted node, whose certificate is still good", async () => {
  await using leader = await testLeader();
  const isKnown = isKnownTo(testCa.certificate, leader.nodes, leader.owner);
  expect(isKnown([await issueNode(testCa, generateKeyPair().publicKey, validFor(1))])).toBe(false);
});

test.each([
  [NodeState.NEW, false],
  [NodeState.STANDBY, true],
  [NodeState.UP, true],
])("isKnownTo of the own keys of a node in state %i: %p", async (fsmState, expected) => {
  await using leader = await testLeader();
  const join = generateKeyPair();
  const node = await leader.add({ fsmState, joinKey: join.publicKey });
  const isKnown = isKnownTo(testCa.certificate, leader.nodes, leader.owner);
  for (const key of [node, join]) expect(isKnown([await selfSigned(key)])).toBe(expected);
  expect(isKnown([await selfSigned(generateKeyPair())])).toBe(false);
});
