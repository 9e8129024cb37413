// Tests of what a node holds of recovery epochs.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { openOperatorBox } from "../../base/pki/operator-box.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { FollowRecoveryResponseSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Recovery, RecoverySchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { held } from "./lock.ts";
import { unlockedKey } from "./locked-key.ts";
import { firstRecovery, rekeyed, toHold } from "./stored-epochs.ts";
import { boxed } from "./test-member.ts";

const join = generateKeyPair();
const nodeId = "metropolis-1";
const holder = { nodeId, clusterCa: Uint8Array.of(1), nodeUnlockKey: new Uint8Array(32).fill(7) };
const owner = { ...holder, joinKey: join.publicKey };
const operator = generateBoxKeyPair();
const recoveryKey = generateBoxKeyPair();
const clusterUnlockKey = new Uint8Array(32).fill(3);
const nothing = create(RecoverySchema);
const peer = (nodeId: string) => ({
  nodeId,
  joinPublicKey: new Uint8Array(32).fill(nodeId.length),
});

/** An epoch as the cluster tells it; its share is empty once it is stored. */
async function told(epoch: bigint, { isNew = true, threshold = 2, peers = ["a", "bb"] } = {}) {
  const share = Uint8Array.of(Number(epoch), 1, 2, 3, 4, 5);
  return {
    ...{ epoch, threshold, recoveryPublicKey: recoveryKey.publicKey, peers: peers.map(peer) },
    ...(isNew && { share: await boxed(nodeId, owner.nodeUnlockKey, share) }),
  };
}

async function after(
  present: Recovery,
  ...all: readonly ReturnType<typeof told>[]
): Promise<Recovery> {
  const { publicKey: operatorPublicKey } = operator;
  const epochs = await Promise.all(all);
  const message = create(FollowRecoveryResponseSchema, { epochs, operatorPublicKey });
  return toHold(present, message, owner, clusterUnlockKey);
}

const numbers = ({ epochs }: Recovery) => epochs.map(({ epoch }) => epoch);
const peersOf = ({ epochs }: Recovery) =>
  epochs.map(({ peers }) => peers.map(({ nodeId }) => nodeId));

async function opened(recovery: Recovery): Promise<Uint8Array | undefined> {
  const [epoch] = held(nodeId, recovery).epochs;
  return epoch && unlockedKey(epoch);
}

test("a node alone opens the first epoch with its own key, and the operator opens it too", async () => {
  const first = await firstRecovery(owner, recoveryKey, clusterUnlockKey, operator.publicKey);
  expect(await opened(first)).toEqual(clusterUnlockKey);
  const view = await openOperatorBox(operator, nodeId, first.operatorEncryptedClusterUnlockKey);
  expect(view).toEqual({ clusterUnlockKey, joinKey: join.publicKey });
});

test("another key takes the place of the one before, for the cluster and for the operator", async () => {
  const first = await firstRecovery(owner, recoveryKey, clusterUnlockKey, operator.publicKey);
  const next = new Uint8Array(32).fill(4);
  const second = await rekeyed(first, owner, next);
  expect(await opened(second)).toEqual(next);
  const view = await openOperatorBox(operator, nodeId, second.operatorEncryptedClusterUnlockKey);
  expect(view.clusterUnlockKey).toEqual(next);
  expect(await rekeyed(second, owner, next)).toEqual(second);
});

test("what is held follows what is told, and keeps shares that the cluster has forgotten", async () => {
  const first = await after(nothing, told(1n));
  const both = await after(first, told(1n, { isNew: false }), told(2n));
  expect(numbers(both)).toEqual([1n, 2n]);
  expect(both.epochs[0]).toEqual(first.epochs[0] as Recovery["epochs"][number]);
  const last = await after(both, told(2n, { isNew: false }));
  expect(numbers(last)).toEqual([2n]);
  expect(await after(last, told(2n, { isNew: false }))).toEqual(last);
});

test("a leader that knows of no epoch, or of no share, costs nobody what he has", async () => {
  const first = await after(nothing, told(1n));
  expect(await after(first)).toEqual(first);
  expect(await after(nothing, told(1n, { isNew: false }))).toEqual(nothing);
});

test("whoever is told of no more is no peer of a known epoch any more", async () => {
  const first = await after(nothing, told(1n));
  expect(peersOf(first)).toEqual([["a", "bb"]]);
  expect(peersOf(await after(first, told(1n, { isNew: false, peers: ["a"] })))).toEqual([["a"]]);
});

test("the other one of two stays a peer until the epoch is replaced", async () => {
  const first = await after(nothing, told(1n, { peers: ["a"] }));
  expect(peersOf(await after(first, told(1n, { isNew: false, peers: [] })))).toEqual([["a"]]);
});

test("a share that is another node's is not taken", async () => {
  const share = await boxed(nodeId, new Uint8Array(32), new Uint8Array(33));
  const foreign = async () => ({ ...(await told(1n)), share });
  await expect(after(nothing, foreign())).rejects.toThrow();
});

test("an operator who changes his key opens what is held with the new one", async () => {
  const first = await after(nothing, told(1n));
  const other = generateBoxKeyPair();
  const message = create(FollowRecoveryResponseSchema, {
    epochs: [await told(1n, { isNew: false })],
    operatorPublicKey: other.publicKey,
  });
  const next = await toHold(first, message, owner, clusterUnlockKey);
  const box = next.operatorEncryptedClusterUnlockKey;
  expect((await openOperatorBox(other, nodeId, box)).clusterUnlockKey).toEqual(clusterUnlockKey);
});

test("what was encrypted for one node does not open as another's", async () => {
  const first = await firstRecovery(owner, recoveryKey, clusterUnlockKey, operator.publicKey);
  const [epoch] = held("metropolis-2", first).epochs;
  expect(epoch && (await unlockedKey(epoch))).toBeUndefined();
});
