// Tests of how members hear of recovery epochs, and of what makes them.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { boxKeyPair, decryptWith, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { FollowRecoveryRequestSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { DeleteNodeRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { deleteNode } from "../management/delete-node.ts";
import { isCovered, reconcileEpochs } from "../recovery/reconcile-recovery.ts";
import { nodeCall, type TestLeader, testLeader, userCall } from "../state/test-leader.ts";
import { followRecovery } from "./follow-recovery.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });
/** All members read their shares with the same one here. */
const shareKey = generateBoxKeyPair();
const sharePublicKey = shareKey.publicKey;

async function members(leader: TestLeader, count: number) {
  const added = [];
  for (let i = 0; i < count; i++) {
    const clusterUnlockKey = new Uint8Array(32).fill(i + 1);
    const joinKey = new Uint8Array(32).fill(i);
    added.push(await leader.add({ roles, clusterUnlockKey, joinKey, sharePublicKey }));
  }
  leader.consensus.members = added.map(({ id: name }, index) => ({
    ...{ id: BigInt(index), name, peerUrls: [], isLearner: false },
  }));
  return added.map(({ id }) => id);
}

function openShare(nodeId: string, { share = new Uint8Array() }: { share?: Uint8Array } = {}) {
  return decryptWith(shareKey, { purpose: "recovery share", nodeId }, share);
}

/** A node that reports what it has stored, and hears what to hold. */
function following(leader: TestLeader, id: string) {
  const stored = new Value<bigint[]>([]);
  const end = new AbortController();
  async function* requests() {
    for await (const storedEpochs of stored.watch(end.signal)) {
      yield create(FollowRecoveryRequestSchema, { storedEpochs });
    }
  }
  const call = { ...nodeCall(id), signal: end.signal };
  const told = followRecovery(leader)(requests(), call)[Symbol.asyncIterator]();
  return {
    stored,
    next: async () => (await told.next()).value?.epochs ?? [],
    end: () => end.abort(),
  };
}

test("a member hears of its epoch once there is one, and of its peers", async () => {
  await using leader = await testLeader();
  const [one = "", two = ""] = await members(leader, 2);
  const follower = following(leader, one);
  expect(await follower.next()).toEqual([]);
  expect(await reconcileEpochs(leader)).toBe(false);
  const [epoch] = await follower.next();
  expect(epoch).toMatchObject({ epoch: 1n, threshold: 2 });
  expect(await openShare(one, epoch)).toHaveLength(33);
  expect(epoch?.peers).toEqual([{ nodeId: two, joinPublicKey: new Uint8Array(32).fill(1) }]);
  follower.end();
});

test("the cluster forgets shares that are stored, and drops the epoch before", async () => {
  await using leader = await testLeader();
  const [one = "", two = ""] = await members(leader, 2);
  await reconcileEpochs(leader);
  const followers = [following(leader, one), following(leader, two)];
  for (const { next, stored } of followers) {
    expect(await next()).toHaveLength(1);
    stored.set([1n]);
  }
  while (!(await reconcileEpochs(leader))) await Bun.sleep(2);
  const record = await leader.recovery.current();
  expect(record.epochs[0]?.members.map(({ share }) => share.length)).toEqual([0, 0]);
  // A third member makes a second epoch; the first stays for now.
  await members(leader, 1);
  expect(await reconcileEpochs(leader)).toBe(false);
  expect((await leader.recovery.current()).epochs.map(({ epoch }) => epoch)).toEqual([1n, 2n]);
  for (const { end } of followers) end();
});

test("in a cluster of one the share is the recovery key", async () => {
  await using leader = await testLeader();
  const [only = ""] = await members(leader, 1);
  await reconcileEpochs(leader);
  const follower = following(leader, only);
  const [epoch] = await follower.next();
  const share = await openShare(only, epoch);
  expect(boxKeyPair(share).publicKey).toEqual(new Uint8Array(epoch?.recoveryPublicKey ?? []));
  follower.end();
});

test("who is no consensus member hears nothing", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  await expect(following(leader, id).next()).rejects.toMatchObject({
    code: Code.failedPrecondition,
  });
});

test("a learner gets its vote only when all hold an epoch that it is of", async () => {
  await using leader = await testLeader();
  const [one = "", two = ""] = await members(leader, 2);
  leader.consensus.members = leader.consensus.members.map((each) => ({
    ...each,
    isLearner: each.name === two,
  }));
  expect(await isCovered(leader, two)).toBe(false);
  await reconcileEpochs(leader);
  expect(await isCovered(leader, two)).toBe(false);
  for (const id of [one, two]) {
    const follower = following(leader, id);
    expect((await follower.next())[0]?.threshold).toBe(2);
    follower.stored.set([1n]);
    while (!(await stored(leader, id))) await Bun.sleep(2);
    follower.end();
  }
  expect(await isCovered(leader, two)).toBe(true);
});

async function stored(leader: TestLeader, id: string): Promise<boolean> {
  const { epochs } = await leader.recovery.current();
  const all = epochs.flatMap(({ members }) => members);
  return all.some(({ nodeId, isStored }) => nodeId === id && isStored);
}

test("a node that is deleted is no peer of anybody any more, and that is told at once", async () => {
  await using leader = await testLeader();
  const [one = "", two = "", three = ""] = await members(leader, 3);
  await reconcileEpochs(leader);
  const follower = following(leader, one);
  const peers = async () => {
    const [epoch] = await follower.next();
    return epoch?.peers?.map((each: { nodeId?: string }) => each.nodeId);
  };
  expect(await peers()).toEqual([two, three].toSorted());
  for (const id of [one, two, three]) leader.heartbeats.record(id);
  const request = create(DeleteNodeRequestSchema, {
    node: { case: "id", value: two },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  await deleteNode(leader)(request, userCall());
  expect(await peers()).toEqual([three]);
  follower.end();
});

test("a member that has not said how to encrypt its share gets none, and no vote", async () => {
  await using leader = await testLeader();
  await members(leader, 1);
  const clusterUnlockKey = new Uint8Array(32);
  const { id } = await leader.add({ roles, clusterUnlockKey, joinKey: new Uint8Array(32) });
  const learner = { id: 9n, name: id, peerUrls: [], isLearner: true };
  leader.consensus.members = [...leader.consensus.members, learner];
  await reconcileEpochs(leader);
  expect(await isCovered(leader, id)).toBe(false);
});

test("nodes without a key of their own hold no shares", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles });
  leader.consensus.members = [{ id: 1n, name: id, peerUrls: [], isLearner: false }];
  expect(await reconcileEpochs(leader)).toBe(true);
  expect((await leader.recovery.current()).epochs).toEqual([]);
});
