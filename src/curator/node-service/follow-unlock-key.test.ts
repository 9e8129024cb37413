// Tests of how a node and its cluster agree on another key.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { keyCheck } from "../../base/pki/key-check.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { FollowUnlockKeyRequestSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { keys } from "../state/keys.ts";
import { NodeCache } from "../state/node-cache.ts";
import { changeNode } from "../state/nodes.ts";
import { nodeCall, type TestLeader, testLeader, userCall } from "../state/test-leader.ts";
import { followUnlockKey } from "./follow-unlock-key.ts";

const [present, next] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
];

/** A node that says what its disk opens with, and hears what it shall open with. */
function following(leader: TestLeader, call = nodeCall("")) {
  const opens = new Value<Uint8Array>();
  const end = new AbortController();
  async function* requests() {
    for await (const check of opens.watch(end.signal)) {
      yield create(FollowUnlockKeyRequestSchema, { check });
    }
  }
  const answers = followUnlockKey(leader)(requests(), { ...call, signal: end.signal });
  const told = answers[Symbol.asyncIterator]();
  return {
    opens,
    next: async () => (await told.next()).value,
    [Symbol.dispose]: () => end.abort(),
  };
}

test("a node hears of its next key, and once it opens with it of no other", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ clusterUnlockKey: present });
  using node = following(leader, nodeCall(id));
  expect(await node.next()).toMatchObject({ check: keyCheck(present) });
  await changeNode(leader, id, () => ({
    fields: { nextClusterUnlockKey: next, nextUnlockKeyGeneration: 1n },
  }));
  const both = { check: keyCheck(present), nextClusterUnlockKey: next };
  expect(await node.next()).toEqual(both);
  node.opens.set(keyCheck(next));
  expect(await node.next()).toEqual({
    check: keyCheck(next),
    nextClusterUnlockKey: new Uint8Array(),
  });
  expect(leader.stored(id)).toMatchObject({ clusterUnlockKey: next, unlockKeyGeneration: 1n });
});

test("a node that repeats itself changes nothing", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ clusterUnlockKey: present });
  const before = leader.nodes.get(id)?.revision;
  using node = following(leader, nodeCall(id));
  node.opens.set(keyCheck(present));
  await node.next();
  await Bun.sleep(20);
  expect(leader.nodes.get(id)?.revision).toBe(before as bigint);
});

test("what is told is what etcd has, not what a late cache has", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ clusterUnlockKey: present });
  // The cache of this leader goes on to have the node as it is now.
  const late = new NodeCache();
  late.reset(await leader.raw.range(keys.nodes));
  await changeNode(leader, id, () => ({ fields: { clusterUnlockKey: next } }));
  using told = following({ ...leader, nodes: late }, nodeCall(id));
  expect(await told.next()).toMatchObject({ check: keyCheck(next) });
});

test("only nodes follow, and only those that there are", async () => {
  await using leader = await testLeader();
  using user = following(leader, userCall());
  await expect(user.next()).rejects.toMatchObject({ code: Code.permissionDenied });
  using nobody = following(leader, nodeCall("metropolis-0"));
  await expect(nobody.next()).rejects.toMatchObject({ code: Code.notFound });
});
