// Tests of the order in which members and shares change: at every instant whatever
// majority etcd needs can open its disks.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { DeleteNodeRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeRolesSchema, NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { reconcileMembership } from "../consensus/reconcile-membership.ts";
import { deleteNode } from "../management/delete-node.ts";
import { nodeOf } from "../state/consensus.ts";
import { changeNode } from "../state/nodes.ts";
import { type TestLeader, testLeader, userCall } from "../state/test-leader.ts";
import { majority, noteStored } from "./epochs.ts";
import { reconcileEpochs } from "./reconcile-recovery.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });

/** Voting members of etcd, which hold an epoch. */
async function cluster(
  leader: TestLeader,
  count: number,
  isEncrypted = true,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await newcomer(leader, false, isEncrypted));
  await reconcileEpochs(leader);
  await store(leader, ...ids);
  await reconcileEpochs(leader);
  return ids;
}

async function newcomer(
  leader: TestLeader,
  isLearner: boolean,
  isEncrypted = true,
): Promise<string> {
  const clusterUnlockKey = crypto.getRandomValues(new Uint8Array(isEncrypted ? 32 : 0));
  const sharePublicKey = generateBoxKeyPair().publicKey;
  const { id, publicKey: joinKey } = await leader.add({ roles, clusterUnlockKey, sharePublicKey });
  await changeNode(leader, id, () => ({ fields: { joinKey } }));
  const member = { id: BigInt(leader.consensus.members.length + 1), name: id, peerUrls: [] };
  leader.consensus.members = [...leader.consensus.members, { ...member, isLearner }];
  return id;
}

/** These nodes store whatever they are told to hold. */
async function store(leader: TestLeader, ...ids: readonly string[]): Promise<void> {
  await leader.recovery.change((record) => {
    const numbers = record.epochs.map(({ epoch }) => epoch);
    for (const id of ids) noteStored(record, id, numbers);
    return record;
  });
}

/**
 * Whether any majority of etcd's voters could open its disks now, without those that were off
 * all the time: each of them holds an epoch of which enough members are among them.
 */
async function opens(leader: TestLeader, off: readonly string[] = []): Promise<boolean> {
  const { epochs } = await leader.recovery.current();
  const all = leader.consensus.members.filter(({ isLearner }) => !isLearner).map(nodeOf);
  const voters = all.filter((id) => !off.includes(id));
  const hold = (id: string) =>
    epochs.filter(({ members }) => members.some((one) => one.nodeId === id && one.isStored));
  return subsets(voters, majority(all.length)).every((quorum) =>
    quorum.every((id) =>
      hold(id).some((epoch) => {
        const sharers = quorum.filter((other) => hold(other).includes(epoch));
        return sharers.length >= epoch.threshold;
      }),
    ),
  );
}

function subsets<T>(items: readonly T[], count: number): readonly (readonly T[])[] {
  if (count === 0) return [[]];
  return items.flatMap((item, at) =>
    subsets(items.slice(at + 1), count - 1).map((rest) => [item, ...rest]),
  );
}

const voters = ({ consensus }: TestLeader) =>
  consensus.members.filter(({ isLearner }) => !isLearner).length;

/** Lets nodes store one after the other, with a look at every instant. */
async function settle(
  leader: TestLeader,
  storing: readonly string[],
  off: readonly string[] = [],
): Promise<void> {
  for (const id of [...storing, ...storing]) {
    await reconcileMembership(leader);
    expect(await opens(leader, off)).toBe(true);
    await reconcileEpochs(leader);
    expect(await opens(leader, off)).toBe(true);
    await store(leader, id);
    expect(await opens(leader, off)).toBe(true);
  }
  for (let i = 0; i < 3; i++) {
    await reconcileMembership(leader);
    await reconcileEpochs(leader);
    expect(await opens(leader, off)).toBe(true);
  }
}

test.each([1, 2, 3, 4])("from %i members to one more", async (count) => {
  await using leader = await testLeader();
  const before = await cluster(leader, count);
  expect(await opens(leader)).toBe(true);
  const id = await newcomer(leader, true);
  await reconcileMembership(leader);
  expect(voters(leader)).toBe(count);
  await settle(leader, [id, ...before]);
  expect(voters(leader)).toBe(count + 1);
  const { epochs } = await leader.recovery.current();
  expect(epochs.map(({ members }) => members.length)).toEqual([count + 1]);
});

test("members whose disks are not encrypted know each other by an epoch, too", async () => {
  await using leader = await testLeader();
  const ids = await cluster(leader, 3, false);
  const { epochs } = await leader.recovery.current();
  const members = epochs.map((epoch) => epoch.members.map(({ nodeId }) => nodeId));
  expect(members).toEqual([ids.toSorted()]);
});

test.each([2, 3, 4, 5])("from %i members to one less", async (count) => {
  await using leader = await testLeader();
  const [gone = "", ...rest] = await cluster(leader, count);
  await changeNode(leader, gone, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  await reconcileMembership(leader);
  expect(voters(leader)).toBe(count);
  await settle(leader, rest);
  expect(voters(leader)).toBe(count - 1);
  const { epochs } = await leader.recovery.current();
  expect(epochs.map(({ members }) => members.length)).toEqual([count - 1]);
});

test("a learner that is lost before its vote costs nobody his disk", async () => {
  await using leader = await testLeader();
  const [only = ""] = await cluster(leader, 1);
  const id = await newcomer(leader, true);
  await reconcileEpochs(leader);
  await store(leader, only, id);
  await reconcileEpochs(leader);
  // It takes both to open the newer epoch; the older one is still there.
  expect(await opens(leader)).toBe(true);
  await changeNode(leader, id, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  await settle(leader, [only]);
  expect(leader.consensus.members.map(nodeOf)).toEqual([only]);
});

test("a member that is silent holds up no change", async () => {
  await using leader = await testLeader();
  const [silent = "", gone = "", ...rest] = await cluster(leader, 5);
  leader.time.now += 60_000;
  for (const id of rest) leader.heartbeats.record(id);
  await changeNode(leader, gone, () => ({ fields: { roles: create(NodeRolesSchema) } }));
  await settle(leader, rest, [silent]);
  expect(leader.consensus.members.map(nodeOf)).toEqual([silent, ...rest]);
  expect(leader.stored(silent)?.fsmState).toBe(NodeState.UP);
  // The epoch that the one that is gone was of is with nobody who was told.
  const numbers = async () => (await leader.recovery.current()).epochs.map(({ epoch }) => epoch);
  expect(await numbers()).toEqual([2n]);
  // It comes back, is told the newest, and everything is as with all of them there.
  leader.heartbeats.record(silent);
  await store(leader, silent);
  await settle(leader, [silent, ...rest]);
  expect(await opens(leader)).toBe(true);
});

test.each([2, 3, 4, 5])("of %i members one is deleted", async (count) => {
  await using leader = await testLeader();
  const [gone = "", ...rest] = await cluster(leader, count);
  const id = create(DeleteNodeRequestSchema, {
    node: { case: "id", value: gone },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  for (const each of rest) leader.heartbeats.record(each);
  await deleteNode(leader)(id, userCall());
  const { epochs } = await leader.recovery.current();
  const holders = epochs.flatMap(({ members }) => members.map(({ nodeId }) => nodeId));
  expect(holders.toSorted()).toEqual(rest.toSorted());
  // Those that are left open their disks without it, where they are a majority of before.
  if (rest.length >= majority(count)) expect(await opens(leader, [gone])).toBe(true);
  await settle(leader, rest, [gone]);
  expect(voters(leader)).toBe(count - 1);
  expect(await opens(leader)).toBe(true);
});
