// Tests of taking ownership: what is asked for, given and refused.
import { expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { verifyUser } from "../../base/pki/verify.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { InitialOwnerSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { EscrowRequestSchema } from "../../gen/metropolis/proto/api/aaa_pb.ts";
import { keys } from "../state/keys.ts";
import {
  strangerCall,
  type TestLeader,
  testCa,
  testLeader,
  userCall,
} from "../state/test-leader.ts";
import { escrow } from "./escrow.ts";

const owner = generateKeyPair();
const stranger = generateKeyPair();
const ownersCall = strangerCall(owner.publicKey);

async function ownedCluster(): Promise<TestLeader> {
  const leader = await testLeader();
  const value = create(InitialOwnerSchema, { publicKey: owner.publicKey });
  await leader.raw.put(keys.initialOwner, toBinary(InitialOwnerSchema, value));
  return leader;
}

type Request = MessageInitShape<typeof EscrowRequestSchema>;

const asking = (publicKey: Uint8Array, requestedIdentityName = "owner"): Request => ({
  parameters: { requestedIdentityName, publicKey },
});

/** All answers to the requests, after which the client says nothing, and the code at the end. */
async function answers(leader: TestLeader, requests: readonly Request[], call = ownersCall) {
  const seen = [];
  async function* sent() {
    for (const request of requests) yield create(EscrowRequestSchema, request);
    // The original's client keeps its side open; an answer must not wait for its end.
    await new Promise(() => {});
  }
  try {
    for await (const answer of escrow(leader)(sent(), call)) seen.push(answer);
    return { seen, code: Code.ok };
  } catch (error) {
    if (error instanceof RpcError) return { seen, code: error.code };
    throw error;
  }
}

test("escrow gives the owner a certificate of the cluster", async () => {
  await using leader = await ownedCluster();
  const { seen, code } = await answers(leader, [asking(owner.publicKey)]);
  expect(code).toBe(Code.ok);
  expect(seen).toMatchObject([{ fulfilled: [{ kind: 1 }] }]);
  const certificate = seen[0]?.emittedCertificate ?? new Uint8Array();
  expect(verifyUser(certificate, testCa.certificate)).toMatchObject({
    name: "owner",
    publicKey: owner.publicKey,
  });
});

test("escrow gives the same certificate again", async () => {
  await using leader = await ownedCluster();
  const first = await answers(leader, [asking(owner.publicKey)]);
  const second = await answers(leader, [asking(owner.publicKey)]);
  expect(second.seen[0]?.emittedCertificate).toEqual(first.seen[0]?.emittedCertificate);
});

test.each<[string, Request, Code]>([
  ["no parameters", {}, Code.invalidArgument],
  ["a short key", asking(new Uint8Array(31)), Code.invalidArgument],
  ["another identity", asking(owner.publicKey, "admin"), Code.unimplemented],
  ["no identity", asking(owner.publicKey, ""), Code.unimplemented],
  ["another key than the connection's", asking(stranger.publicKey), Code.unimplemented],
])("escrow refuses %s", async (_, request, code) => {
  await using leader = await ownedCluster();
  expect(await answers(leader, [request])).toEqual({ seen: [], code });
});

test("escrow refuses a key that is not the owner's", async () => {
  await using leader = await ownedCluster();
  const call = strangerCall(stranger.publicKey);
  const { seen, code } = await answers(leader, [asking(stranger.publicKey)], call);
  expect({ seen, code }).toEqual({ seen: [], code: Code.permissionDenied });
});

test("escrow refuses everyone before the cluster has an owner", async () => {
  await using leader = await testLeader();
  const { code } = await answers(leader, [asking(owner.publicKey)]);
  expect(code).toBe(Code.permissionDenied);
});

test.each([
  ["nothing", strangerCall()],
  ["a certificate of the cluster", userCall()],
])("escrow tells a caller who shows %s what is needed", async (_, call) => {
  await using leader = await ownedCluster();
  const { seen, code } = await answers(leader, [asking(owner.publicKey)], call);
  expect(code).toBe(Code.unauthenticated);
  expect(seen).toEqual([{ needed: [{ kind: 1 }] }]);
});
