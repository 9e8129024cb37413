// Tests of when nodes get other cluster unlock keys, and of what becomes of those they have.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { keyCheck } from "../../base/pki/key-check.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import {
  Recovery_EpochSchema as EpochSchema,
  type Node,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { DeleteNodeRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { deleteNode } from "../management/delete-node.ts";
import { keys } from "../state/keys.ts";
import { changeNode } from "../state/nodes.ts";
import { type TestLeader, testLeader, testNode, userCall } from "../state/test-leader.ts";
import { reconcileRecovery } from "./reconcile-recovery.ts";
import { afterReport, rotate } from "./unlock-keys.ts";

const roles = create(NodeRolesSchema, { consensusMember: {} });
const [present, next] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
];
const epoch = (threshold: number) => create(EpochSchema, { threshold });

test.each([
  // The threshold of an epoch that is dropped, of the newest, and whether keys are replaced.
  [1, 2, true],
  [2, 3, false],
  [2, 1, false],
  [1, 1, false],
  [2, 0, true],
  [1, 0, true],
  [0, 2, false],
])("an epoch with threshold %i before one with %i: keys are replaced: %p", (old, new_, isDue) => {
  const record = create(RecoverySchema, { epochs: [epoch(new_)] });
  expect(rotate(record, [epoch(old)], true)).toBe(isDue);
  expect(record.unlockKeyGeneration).toBe(isDue ? 1n : 0n);
});

test("no key is made while somebody could see it who shall not", () => {
  const record = create(RecoverySchema, { epochs: [epoch(2)], isRotationDue: true });
  expect(rotate(record, [], false)).toBe(false);
  expect(rotate(record, [], true)).toBe(true);
  expect(rotate(record, [], true)).toBe(false);
});

const node = (fields: Partial<Node> = {}) =>
  testNode(generateKeyPair().publicKey, { clusterUnlockKey: present, ...fields });

test("a node that opens with its next key has no other any more", () => {
  const both = node({ nextClusterUnlockKey: next, nextUnlockKeyGeneration: 3n });
  expect(afterReport(both, keyCheck(present), 3n)).toBeUndefined();
  expect(afterReport(both, keyCheck(next), 3n)).toEqual({
    clusterUnlockKey: next,
    unlockKeyGeneration: 3n,
    nextClusterUnlockKey: new Uint8Array(),
    nextUnlockKeyGeneration: 0n,
  });
});

test("a node that opens with an unknown key, as after a restore, gets one that is known", () => {
  expect(afterReport(node(), keyCheck(present), 0n)).toBeUndefined();
  const fields = afterReport(node(), keyCheck(next), 5n);
  expect(fields?.nextClusterUnlockKey).toHaveLength(32);
  expect(fields?.nextUnlockKeyGeneration).toBe(5n);
});

test("a node whose disk is not encrypted gets no key", () => {
  const insecure = node({ clusterUnlockKey: new Uint8Array() });
  expect(afterReport(insecure, keyCheck(next), 5n)).toBeUndefined();
});

/** A cluster of members, a worker, and one that is about to be deleted. */
async function cluster(leader: TestLeader, held: Partial<Node>) {
  const secrets = () => ({
    clusterUnlockKey: crypto.getRandomValues(new Uint8Array(32)),
    sharePublicKey: new Uint8Array(32).fill(9),
    joinKey: generateKeyPair().publicKey,
  });
  const member = await leader.add({ roles, ...secrets() });
  const worker = await leader.add(secrets());
  const gone = await leader.add({ ...secrets(), ...held });
  leader.consensus.members = [{ id: 1n, name: member.id, peerUrls: [], isLearner: false }];
  await reconcileRecovery(leader);
  await leader.recovery.change((record) => {
    for (const { members } of record.epochs) for (const each of members) each.isStored = true;
    return record;
  });
  return { member, worker, gone };
}

async function remove(leader: TestLeader, id: string): Promise<void> {
  const request = create(DeleteNodeRequestSchema, {
    node: { case: "id", value: id },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  await deleteNode(leader)(request, userCall());
}

const nextKey = (leader: TestLeader, id: string) => leader.stored(id)?.nextClusterUnlockKey.length;

test("when a member is deleted all nodes get other keys, and media another ticket", async () => {
  await using leader = await testLeader();
  const { member, worker, gone } = await cluster(leader, { heldConsensus: true });
  await remove(leader, gone.id);
  await reconcileRecovery(leader);
  expect([nextKey(leader, member.id), nextKey(leader, worker.id)]).toEqual([32, 32]);
  expect(await leader.raw.get(keys.registerTicket)).toBeDefined();
});

test("not while it is still in etcd, where it would see them", async () => {
  await using leader = await testLeader();
  const { member, gone } = await cluster(leader, { heldConsensus: true });
  const [first] = leader.consensus.members;
  if (first === undefined) throw new Error("no members");
  leader.consensus.members = [first, { ...first, id: 2n, name: gone.id }];
  leader.heartbeats.record(member.id);
  await remove(leader, gone.id);
  expect(await reconcileRecovery(leader)).toBe(false);
  expect(nextKey(leader, member.id)).toBe(0);
  leader.consensus.members = [first];
  await reconcileRecovery(leader);
  expect(nextKey(leader, member.id)).toBe(32);
});

test("when another node is deleted, which never saw them, all keys stay", async () => {
  await using leader = await testLeader();
  const { member, gone } = await cluster(leader, {});
  await remove(leader, gone.id);
  await reconcileRecovery(leader);
  expect(nextKey(leader, member.id)).toBe(0);
});

test("a next key that a node has not confirmed gives way to a newer one", async () => {
  await using leader = await testLeader();
  const { member, gone } = await cluster(leader, { heldConsensus: true });
  await changeNode(leader, member.id, () => ({ fields: { nextClusterUnlockKey: next } }));
  await remove(leader, gone.id);
  await reconcileRecovery(leader);
  expect(leader.stored(member.id)?.nextClusterUnlockKey).not.toEqual(next);
  const { nextClusterUnlockKey } = leader.stored(member.id) ?? {};
  await reconcileRecovery(leader);
  expect(leader.stored(member.id)?.nextClusterUnlockKey).toEqual(nextClusterUnlockKey ?? next);
});
