// Tests of naming, finding and changing nodes, and of prefixes.
import { expect, test } from "bun:test";
import { Code } from "../../base/rpc/rpc.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "./keys.ts";
import { changeNode, findNode, namedId, requireKey } from "./nodes.ts";
import { testLeader } from "./test-leader.ts";

const key = new Uint8Array(32);

test("namedId takes a key or an ID", () => {
  expect(namedId({ case: "pubkey", value: key })).toBe(`metropolis-${"00".repeat(16)}`);
  expect(namedId({ case: "id", value: "metropolis-01" })).toBe("metropolis-01");
});

test("requireKey wants 32 bytes, and names the field", () => {
  expect(requireKey(key, "pubkey")).toBe(key);
  expect(() => requireKey(new Uint8Array(33), "pubkey")).toThrow("pubkey must be 32 bytes long");
});

test("findNode throws notFound", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  expect(findNode(leader, id).id).toBe(id);
  expect(() => findNode(leader, "x")).toThrow(expect.objectContaining({ code: Code.notFound }));
});

test("changeNode returns when the change can be read", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ fsmState: NodeState.NEW });
  await changeNode(leader, id, () => ({ fields: { fsmState: NodeState.STANDBY } }));
  expect(leader.stored(id)?.fsmState).toBe(NodeState.STANDBY);
});

test("changeNode without a change writes nothing", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const before = leader.nodes.get(id)?.revision;
  await changeNode(leader, id, () => ({}));
  expect((await leader.raw.get(keys.node(id)))?.modRevision).toBe(before);
});

test("changeNode lets nobody in between reading and writing", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ joinKey: new Uint8Array([0]) });
  const count = () =>
    changeNode(leader, id, async ({ joinKey }) => {
      await Bun.sleep(0);
      return { fields: { joinKey: new Uint8Array([(joinKey[0] ?? 0) + 1]) } };
    });
  await Promise.all(Array.from({ length: 20 }, count));
  expect(leader.stored(id)?.joinKey).toEqual(new Uint8Array([20]));
});

test("changeNode lets the next one in after a failure", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const failing = changeNode(leader, id, () => Promise.reject(new TypeError("no")));
  await expect(failing).rejects.toThrow("no");
  await changeNode(leader, id, () => ({ fields: { fsmState: NodeState.DECOMMISSIONED } }));
  expect(leader.stored(id)?.fsmState).toBe(NodeState.DECOMMISSIONED);
});
