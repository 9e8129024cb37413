// Authorization by method option: who gets in, and with which code others do not.
import { expect, test } from "bun:test";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management, NodeManagement } from "../../gen/metropolis/proto/api/management_pb.ts";
import { issueCa, issueNode, issueUser, selfSigned, validFor } from "../pki/certificate.ts";
import { generateKeyPair } from "../pki/keys.ts";
import { authorizeByOption } from "./authorization.ts";
import { Code } from "./rpc-error.ts";
import { testCall } from "./test-call.ts";

const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const authorize = authorizeByOption(() => ca.certificate);

const nodeKey = generateKeyPair();
const node = await issueNode(ca, nodeKey.publicKey, validFor(1));
const user = await issueUser(ca, generateKeyPair().publicKey, "owner", validFor(1));
const ownKey = generateKeyPair();
const own = await selfSigned(ownKey);

const otherKey = generateKeyPair();
const otherCa = { keyPair: otherKey, certificate: await issueCa(otherKey) };
const foreign = await issueUser(otherCa, generateKeyPair().publicKey, "owner", validFor(1));

const { getNodes, approveNode } = Management.method;

test.each([
  ["a user", user, approveNode],
  ["a user", user, NodeManagement.method.logs],
  ["a node", node, getNodes],
])("authorizeByOption admits %s where the permission is held", (_, certificate, method) => {
  const call = testCall({ method, peerCertificates: [certificate] });
  authorize(call);
  expect(call.peer?.kind).not.toBe("anonymous");
});

test.each([
  ["nobody", [], Code.unauthenticated],
  ["a stranger with a key", [own], Code.unauthenticated],
  ["the owner of another cluster", [foreign], Code.unauthenticated],
  ["a chain of two", [user, ca.certificate], Code.unauthenticated],
  ["garbage", [new Uint8Array([1, 2, 3])], Code.unauthenticated],
  ["a node", [node], Code.permissionDenied],
])("authorizeByOption refuses %s as approver", (_, peerCertificates, code) => {
  const call = testCall({ method: approveNode, peerCertificates });
  expect(() => authorize(call)).toThrow(expect.objectContaining({ code }));
  expect(call.peer?.kind).not.toBe("user");
});

test("authorizeByOption knows strangers on open methods by their key alone", () => {
  const method = CuratorLocal.method.getCACertificate;
  const stranger = testCall({ method, peerCertificates: [own] });
  authorize(stranger);
  expect(stranger.peer).toEqual({ kind: "anonymous", publicKey: ownKey.publicKey });
  const member = testCall({ method, peerCertificates: [user] });
  authorize(member);
  expect(member.peer).toEqual({ kind: "anonymous", publicKey: undefined });
});

test("whoever shows a certificate out of its time is told what the clock here says", async () => {
  const ended = await issueUser(ca, generateKeyPair().publicKey, "owner", validFor(-1));
  const call = testCall({ method: getNodes, peerCertificates: [ended] });
  expect(() => authorize(call)).toThrow(
    /^certificate ended at \S+Z, and the clock of the node that was asked says \S+Z$/,
  );
});

test("authorizeByOption refuses a method that declares nothing", () => {
  const call = testCall({ method: Health.method.check, peerCertificates: [user] });
  expect(() => authorize(call)).toThrow(expect.objectContaining({ code: Code.internal }));
});
