// Tests of revoking the certificates of those that are no members of etcd any more.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { x509 } from "../../base/pki/x509.ts";
import { Code } from "../../base/rpc/rpc.ts";
import {
  FollowConsensusRequestSchema,
  JoinConsensusRequestSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { DeleteNodeRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { deleteNode } from "../management/delete-node.ts";
import { followConsensus } from "../node-service/follow-consensus.ts";
import { joinConsensus } from "../node-service/join-consensus.ts";
import { changeNode } from "../state/nodes.ts";
import { nodeCall, type TestLeader, testLeader } from "../state/test-leader.ts";
import { reconcileMembership } from "./reconcile-membership.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });
const keys = {
  memberPublicKey: new Uint8Array(32),
  clientPublicKey: new Uint8Array(32).fill(1),
  sharePublicKey: new Uint8Array(32).fill(2),
};

/** Joins, and gives the serial numbers of the two certificates, in hexadecimal digits. */
async function join(leader: TestLeader, id: string): Promise<readonly string[]> {
  const request = create(JoinConsensusRequestSchema, keys);
  const { memberCertificate, clientCertificate } = await joinConsensus(leader)(
    request,
    nodeCall(id),
  );
  return [memberCertificate, clientCertificate].map((der) =>
    new X509Certificate(der ?? new Uint8Array()).serialNumber.toLowerCase(),
  );
}

/** What members of a cluster are told next to keep out. */
async function* lists(leader: TestLeader, id: string): AsyncGenerator<readonly string[]> {
  const request = create(FollowConsensusRequestSchema);
  for await (const { revocationList } of followConsensus(leader)(request, nodeCall(id))) {
    const { entries } = new x509.X509Crl(new Uint8Array(revocationList ?? []));
    yield entries.map(({ serialNumber }) => serialNumber.toLowerCase());
  }
}

/** A leader, a member that follows, and another one that has certificates. */
async function cluster() {
  const leader = await testLeader();
  const [follower, other] = [await leader.add({ roles }), await leader.add({ roles })];
  const serials = await join(leader, other.id);
  const told = lists(leader, follower.id);
  expect((await told.next()).value).toEqual([]);
  const next = async () => (await told.next()).value;
  return {
    leader,
    other: other.id,
    serials,
    next,
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

test("deleting a member revokes its certificates at once", async () => {
  await using made = await cluster();
  const { leader, other, serials, next } = made;
  const bypasses = { safetyBypassHasRoles: {}, safetyBypassNotDecommissioned: {} };
  const node = { case: "id", value: other } as const;
  await deleteNode(leader)(create(DeleteNodeRequestSchema, { node, ...bypasses }), nodeCall(other));
  expect(await next()).toEqual(serials);
});

test("a node that gives the role back keeps its certificates while it is a member", async () => {
  await using made = await cluster();
  const { leader, other, serials, next } = made;
  await changeNode(leader, other, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  expect(leader.stored(other)?.consensusSerials).toHaveLength(2);
  await reconcileMembership(leader);
  expect(await next()).toEqual(serials);
  expect(leader.stored(other)?.consensusSerials).toEqual([]);
});

test("certificates that were replaced twice are revoked", async () => {
  await using made = await cluster();
  const { leader, other, serials, next } = made;
  await join(leader, other);
  await join(leader, other);
  expect(await next()).toEqual(serials);
  expect(leader.stored(other)?.consensusSerials).toHaveLength(4);
});

test("another leader knows what was revoked before, and who is no member is not told", async () => {
  await using made = await cluster();
  const { leader, other, next } = made;
  await changeNode(leader, other, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  await reconcileMembership(leader);
  await next();
  expect(await leader.raw.get("/global/consensus_revocations")).toBeDefined();
  const attempt = lists(leader, other).next();
  await expect(attempt).rejects.toMatchObject({ code: Code.failedPrecondition });
});
