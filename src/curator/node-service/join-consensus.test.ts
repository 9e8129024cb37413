// Tests of members that are replaced, and of what those are told who have to wait.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { JoinConsensusRequestSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { memberOn } from "../state/consensus.ts";
import { nodeCall, type TestLeader, testLeader } from "../state/test-leader.ts";
import { joinConsensus } from "./join-consensus.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });

/** Three voters, the first of which leads; all were heard from. */
async function trio() {
  const leader = await testLeader();
  await leader.add({ id: leader.self, roles });
  const [one, two] = [await leader.add({ roles }), await leader.add({ roles })];
  const names = [leader.self, one.id, two.id];
  leader.consensus.members = names.map((name, at) => ({
    ...{ id: BigInt(at + 1), name, peerUrls: [], isLearner: false },
  }));
  for (const { id } of [one, two]) leader.heartbeats.record(id);
  return { leader, one: one.id, two: two.id };
}

function ask(leader: TestLeader, id: string, isDamaged = false) {
  const request = create(JoinConsensusRequestSchema, {
    memberPublicKey: new Uint8Array(32),
    clientPublicKey: new Uint8Array(32).fill(1),
    sharePublicKey: new Uint8Array(32).fill(2),
    isDamaged,
  });
  return joinConsensus(leader)(request, nodeCall(id));
}

async function refusal(work: Promise<unknown>): Promise<RpcError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (error instanceof RpcError) return error;
  throw new Error(`not refused: ${String(error)}`);
}

test("a damaged member is replaced by another one, without a vote, and its certificates are anew", async () => {
  const { leader, one } = await trio();
  await using _ = leader;
  const { peers } = await ask(leader, one, true);
  expect(peers?.map(({ name }) => name)).toContain(one);
  expect(memberOn(leader.consensus.members, one)).toMatchObject({ isLearner: true, name: "" });
  expect(leader.consensus.members).toHaveLength(3);
  // The answer was lost: the next one takes the place of one that has not begun.
  await ask(leader, one, true);
  expect(leader.consensus.members).toHaveLength(3);
});

test("a damaged member stays where the others could decide nothing without it", async () => {
  const { leader, one, two } = await trio();
  await using _ = leader;
  leader.time.now += 60_000;
  leader.heartbeats.record(one);
  const { code, message } = await refusal(ask(leader, one, true));
  expect(code).toBe(Code.failedPrecondition);
  expect(message).toContain(`not healthy: ${two}`);
  expect(leader.joinRefusals.get(one)).toBe(message);
  expect(memberOn(leader.consensus.members, one)?.isLearner).toBe(false);
});

test("nobody has the member of another node replaced, nor the leader its own", async () => {
  const { leader, two } = await trio();
  await using _ = leader;
  await ask(leader, two, true);
  expect(leader.consensus.members.filter(({ isLearner }) => !isLearner)).toHaveLength(2);
  expect((await refusal(ask(leader, leader.self, true))).code).toBe(Code.failedPrecondition);
});

test("who is not let in while a member is silent is told which, and what helps", async () => {
  const { leader, one, two } = await trio();
  await using _ = leader;
  const { id } = await leader.add({ roles });
  leader.time.now += 60_000;
  leader.heartbeats.record(one);
  leader.consensus.addLearner = async () => {
    throw new RpcError(Code.unavailable, "etcdserver: unhealthy cluster");
  };
  const { code, message } = await refusal(ask(leader, id));
  expect(code).toBe(Code.unavailable);
  expect(message).toBe(
    `etcd lets nobody in while member ${two} is silent: switch it on; if it is gone, or was ` +
      `installed anew: metroctl node delete ${two} --bypass-has-roles --bypass-not-decommissioned`,
  );
  expect(leader.joinRefusals.get(id)).toBe(message);
});

test("who waits for a learner that is silent is told so", async () => {
  const { leader } = await trio();
  await using _ = leader;
  const [first, second] = [await leader.add({ roles }), await leader.add({ roles })];
  await ask(leader, first.id);
  expect((await refusal(ask(leader, second.id))).message).toContain("is catching up; ask again");
  leader.time.now += 60_000;
  expect((await refusal(ask(leader, second.id))).message).toContain(
    `node ${first.id} should be catching up, and is silent: switch it on`,
  );
});
