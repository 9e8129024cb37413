// Tests of keeping etcd's members as roles demand.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { JoinConsensusRequestSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeRolesSchema, NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { leaderTask } from "../leader-task.ts";
import { joinConsensus } from "../node-service/join-consensus.ts";
import { noteStored } from "../recovery/epochs.ts";
import { nodeOf, peerUrl } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";
import { nodeCall, type TestLeader, testLeader } from "../state/test-leader.ts";
import { reconcileMembership } from "./reconcile-membership.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });
const join = {
  memberPublicKey: new Uint8Array(32),
  clientPublicKey: new Uint8Array(32).fill(1),
  sharePublicKey: new Uint8Array(32).fill(2),
};

function keeping(leader: TestLeader): AsyncDisposable {
  const supervisor = new Supervisor(
    leaderTask(new Value<Leader | undefined>(leader), reconcileMembership),
  );
  supervisor.start();
  return { [Symbol.asyncDispose]: () => supervisor.stop(3_000) };
}

function request(id: string, leader: TestLeader) {
  return joinConsensus(leader)(create(JoinConsensusRequestSchema, join), nodeCall(id));
}

/** The node stores its share of the first epoch that it is a member of. */
async function store(leader: TestLeader, id: string): Promise<void> {
  const epochs = async () => (await leader.recovery.current()).epochs;
  while ((await epochs()).length === 0) await Bun.sleep(5);
  await leader.recovery.change((record) => {
    const numbers = record.epochs.map(({ epoch }) => epoch);
    noteStored(record, id, numbers);
    return record;
  });
}

const names = (leader: TestLeader) => leader.consensus.members.map(nodeOf);

test("a node with the role becomes a learner, once, and a voter when it has caught up", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles });
  const { peers } = await request(id, leader);
  expect(peers).toEqual([{ name: id, url: peerUrl(id) }]);
  await request(id, leader);
  expect(names(leader)).toEqual([id]);
  leader.consensus.late.add(leader.consensus.members[0]?.id ?? 0n);
  await using _ = keeping(leader);
  await Bun.sleep(30);
  expect(leader.consensus.members[0]?.isLearner).toBe(true);
  leader.consensus.late.clear();
  await store(leader, id);
  await until(() => leader.consensus.members[0]?.isLearner === false);
});

test("one learner at a time; without the role nobody", async () => {
  await using leader = await testLeader();
  const [one, two, none] = [
    await leader.add({ roles }),
    await leader.add({ roles }),
    await leader.add(),
  ];
  await request(one.id, leader);
  await expect(request(two.id, leader)).rejects.toMatchObject({ code: Code.unavailable });
  await expect(request(none.id, leader)).rejects.toMatchObject({ code: Code.failedPrecondition });
  expect(names(leader)).toEqual([one.id]);
});

test("a member whose node lost its role, or is gone, is removed", async () => {
  await using leader = await testLeader([{ name: "gone" }]);
  const { id } = await leader.add({ roles, sharePublicKey: join.sharePublicKey });
  leader.consensus.members = [
    ...leader.consensus.members,
    { id: 7n, name: id, peerUrls: [], isLearner: false },
  ];
  await using _ = keeping(leader);
  await store(leader, id);
  await until(() => names(leader).join() === id);
  await changeNode(leader, id, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  await until(() => leader.consensus.members.length === 0);
});

test("a leader without the role leaves its removal to the next one, if there can be one", async () => {
  await using leader = await testLeader();
  await leader.add({ id: leader.self });
  leader.consensus.members = [{ id: 1n, name: leader.self, peerUrls: [], isLearner: false }];
  await using _ = keeping(leader);
  await Bun.sleep(30);
  await leader.store.confirm();
  const heir = await leader.add({ roles });
  leader.consensus.members = [
    ...leader.consensus.members,
    { id: 2n, name: heir.id, peerUrls: [], isLearner: false },
  ];
  const isDeposed = async () => (await leader.raw.get("/leader/1")) === undefined;
  for (let i = 0; i < 1_000 && !(await isDeposed()); i++) await Bun.sleep(5);
  expect(await isDeposed()).toBe(true);
  expect(names(leader)).toContain(leader.self);
});

test("a node that leaves for good is DECOMMISSIONED once etcd has let it go", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ decommissioning: true });
  leader.consensus.members = [{ id: 7n, name: id, peerUrls: [], isLearner: false }];
  await using _ = keeping(leader);
  await until(() => leader.stored(id)?.fsmState === NodeState.DECOMMISSIONED);
  expect(leader.stored(id)?.decommissioning).toBe(false);
  expect(names(leader)).toEqual([]);
});
