// Tests of how a member gets a certificate in time when it has none.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { issueNode, validFor } from "../../base/pki/certificate.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { expiry, verifyNode } from "../../base/pki/verify.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { RecertifyNodeRequestSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "../state/keys.ts";
import { REPORT_RATE } from "../state/limits.ts";
import { strangerCall, type TestLeader, testCa, testLeader } from "../state/test-leader.ts";
import { recertifyNode } from "./recertify-node.ts";

const join = generateKeyPair();

async function withNode(fsmState = NodeState.UP) {
  const leader = await testLeader();
  const node = await leader.add({ fsmState, joinKey: join.publicKey });
  await leader.raw.put(keys.joinKey(join.publicKey), new TextEncoder().encode(node.id));
  return { leader, node, [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose]() };
}

async function recertify(leader: TestLeader, key: Uint8Array | undefined = join.publicKey) {
  const request = create(RecertifyNodeRequestSchema);
  const { nodeCertificate } = await recertifyNode(leader)(request, strangerCall(key));
  return new Uint8Array(nodeCertificate ?? []);
}

test.each([-400, 30, 4_000])(
  "recertifyNode replaces a certificate that ends in %d days, for the holder of the join key",
  async (days) => {
    await using cluster = await withNode();
    const { leader, node } = cluster;
    const before = await issueNode(testCa, node.publicKey, validFor(days));
    await leader.raw.put(keys.certificate(`node-${node.id}`), before);
    const after = await recertify(leader);
    expect(verifyNode(after, testCa.certificate).id).toBe(node.id);
    expect(Math.round((expiry(after).getTime() - Date.now()) / 86_400_000)).toBe(730);
    expect(await recertify(leader)).toEqual(after);
  },
);

test("recertifyNode refuses who proves no key, another key, or that of a deleted node", async () => {
  await using cluster = await withNode();
  const { leader, node } = cluster;
  const request = create(RecertifyNodeRequestSchema);
  await expect(recertifyNode(leader)(request, strangerCall())).rejects.toMatchObject({
    code: Code.permissionDenied,
  });
  await expect(recertify(leader, node.publicKey)).rejects.toMatchObject({ code: Code.notFound });
  await leader.raw.delete(keys.joinKey(join.publicKey));
  await expect(recertify(leader)).rejects.toMatchObject({ code: Code.notFound });
});

test("recertifyNode answers a node only so often", async () => {
  await using cluster = await withNode();
  for (let asked = 0; asked < REPORT_RATE.burst; asked++) await recertify(cluster.leader);
  await expect(recertify(cluster.leader)).rejects.toMatchObject({ code: Code.resourceExhausted });
});

test.each([NodeState.NEW, NodeState.STANDBY, NodeState.DECOMMISSIONED])(
  "recertifyNode refuses a node in state %p",
  async (state) => {
    await using cluster = await withNode(state);
    await expect(recertify(cluster.leader)).rejects.toMatchObject({
      code: Code.failedPrecondition,
    });
  },
);
