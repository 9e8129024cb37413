// Tests of what consensus can do without.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "../../base/rpc/rpc.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { type TestLeader, testLeader } from "../state/test-leader.ts";
import { requireDispensable } from "./quorum.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });

/** Members with a vote; the first `alive` of them have sent heartbeats. */
async function voters(leader: TestLeader, count: number, alive: number) {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await leader.add({ roles })).id);
  leader.consensus.members = ids.map((name, index) => ({
    ...{ id: BigInt(index + 1), name, peerUrls: [], isLearner: false },
  }));
  leader.time.now = 60_000;
  for (const id of ids.slice(0, alive)) leader.heartbeats.record(id);
  return ids;
}

test.each([
  // voters, healthy, index of the leaving one, refusal
  [1, 1, 0, /last consensus member/],
  [2, 2, 0, undefined],
  [2, 1, 0, /only 0 of 1.*1 are needed/],
  [2, 1, 1, undefined],
  [3, 3, 2, undefined],
  [3, 2, 2, undefined],
  [3, 2, 0, /only 1 of 2.*2 are needed/],
  [5, 4, 0, undefined],
  [5, 3, 0, /only 2 of 4.*3 are needed/],
] as const)("of %i voters, %i healthy, number %i may leave: %p", async (...row) => {
  const [count, alive, leaving, refusal] = row;
  await using leader = await testLeader();
  const ids = await voters(leader, count, alive);
  const attempt = requireDispensable(leader, ids[leaving] ?? "");
  if (refusal === undefined) return expect(await attempt).toBeUndefined();
  await expect(attempt).rejects.toMatchObject({ code: Code.failedPrecondition });
  await expect(attempt).rejects.toThrow(refusal);
});

test("a leader that is too new to know who is healthy asks for patience", async () => {
  await using leader = await testLeader();
  const [one = "", two = ""] = await voters(leader, 3, 0);
  leader.time.now = 5_000;
  leader.heartbeats.record(one);
  await expect(requireDispensable(leader, two)).rejects.toMatchObject({ code: Code.unavailable });
});

test("the refusal names who is not healthy", async () => {
  await using leader = await testLeader();
  const ids = await voters(leader, 3, 2);
  await expect(requireDispensable(leader, ids[0] ?? "")).rejects.toThrow(ids[2]);
});

test("one that is leaving already does not count as staying", async () => {
  await using leader = await testLeader();
  const ids = await voters(leader, 2, 2);
  const { consensus } = leader;
  const leaving = await leader.add();
  consensus.members = [
    ...consensus.members.slice(0, 1),
    { id: 9n, name: leaving.id, peerUrls: [], isLearner: false },
  ];
  await expect(requireDispensable(leader, ids[0] ?? "")).rejects.toThrow(/last consensus member/);
});

test("a node without a vote may always go", async () => {
  await using leader = await testLeader([{ name: "learner", isLearner: true }]);
  await requireDispensable(leader, "learner");
  await requireDispensable(leader, "stranger");
});
