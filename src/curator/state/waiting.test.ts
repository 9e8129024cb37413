// Tests of the machines that wait: how many there may be, and who is forgotten.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "../../base/rpc/rpc.ts";
import { Node_RegistrationSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "./keys.ts";
import { MOST_WAITING_OF_ADDRESS, WAITING_MS } from "./limits.ts";
import { nodeWrite } from "./nodes.ts";
import { type TestLeader, testLeader, testNode } from "./test-leader.ts";
import { expireWaiting, nodeToEvict } from "./waiting.ts";

const present = new Uint8Array(32).fill(1);
const past = new Uint8Array(32).fill(2);

/** A node that has registered. */
function waiting(address: string, ticketDigest: Uint8Array, agoMs = 0) {
  const seen = timestampFromMs(Date.now() - agoMs);
  return {
    fsmState: NodeState.NEW,
    registration: create(Node_RegistrationSchema, { address, ticketDigest, seen }),
  };
}

/** As many as one address may have. */
async function fill(leader: TestLeader, address: string, digest: Uint8Array): Promise<void> {
  const writes = Array.from({ length: MOST_WAITING_OF_ADDRESS }, (_, at) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, at);
    key.set(new TextEncoder().encode(address), 4);
    return nodeWrite(testNode(key, waiting(address, digest)));
  });
  for (let at = 0; at < writes.length; at += 100) {
    const { revision } = await leader.raw.transact([], writes.slice(at, at + 100));
    await leader.nodes.reached(revision);
  }
}

test("nodeToEvict is undefined while there is room", async () => {
  await using leader = await testLeader();
  await leader.add(waiting("192.0.2.1", past));
  expect(nodeToEvict(leader, "192.0.2.1", present)).toBeUndefined();
});

test("nodeToEvict is nobody for another address than the one that is full", async () => {
  await using leader = await testLeader();
  await fill(leader, "192.0.2.1", present);
  expect(nodeToEvict(leader, "192.0.2.2", present)).toBeUndefined();
  expect(() => nodeToEvict(leader, "192.0.2.1", present)).toThrow("rotate the register ticket");
});

test("nodeToEvict is the one of an old ticket that was silent for longest", async () => {
  await using leader = await testLeader();
  await fill(leader, "2001:db8::1", past);
  const silent = await leader.add(waiting("2001:db8::9", past, 1_000));
  expect(nodeToEvict(leader, "2001:db8::2", present)?.id).toBe(silent.id);
});

test("a full cluster takes no machine of any address", async () => {
  await using leader = await testLeader();
  for (const last of [1, 2, 3, 4]) await fill(leader, `192.0.2.${last}`, present);
  expect(() => nodeToEvict(leader, "192.0.2.99", present)).toThrow(
    expect.objectContaining({ code: Code.resourceExhausted }),
  );
});

test("expireWaiting forgets whoever gave no sign of life for a day, and nobody else", async () => {
  await using leader = await testLeader();
  const joinKey = new Uint8Array(32).fill(5);
  const lost = await leader.add({ ...waiting("192.0.2.1", present, WAITING_MS + 1_000), joinKey });
  await leader.raw.put(keys.joinKey(joinKey), new TextEncoder().encode(lost.id));
  const alive = await leader.add(waiting("192.0.2.1", present, WAITING_MS - 60_000));
  const approved = await leader.add({
    ...waiting("192.0.2.1", present, 2 * WAITING_MS),
    fsmState: NodeState.STANDBY,
  });
  expect(await expireWaiting(leader)).toBe(true);
  expect(leader.nodes.list().map(({ id }) => id)).toEqual([alive.id, approved.id].toSorted());
  expect(await leader.raw.get(keys.joinKey(joinKey))).toBeUndefined();
});
