// Tests of changing nodes: approval, roles, labels, deletion.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import { codeOf } from "../../base/rpc/test-call.ts";
import {
  ApproveNodeRequestSchema,
  DecommissionNodeRequestSchema,
  DeleteNodeRequestSchema,
  RotateRegisterTicketRequestSchema,
  UpdateNodeLabelsRequestSchema,
  UpdateNodeRolesRequestSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  NodeLabelsSchema,
  NodeRolesSchema,
  NodeState,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "../state/keys.ts";
import { changeNode } from "../state/nodes.ts";
import { ensureRegisterTicket, presentTicket } from "../state/register-ticket.ts";
import { testLeader } from "../state/test-leader.ts";
import { approveNode } from "./approve-node.ts";
import { decommissionNode } from "./decommission-node.ts";
import { deleteNode } from "./delete-node.ts";
import { rotateRegisterTicket } from "./rotate-register-ticket.ts";
import { updateNodeLabels } from "./update-node-labels.ts";
import { updateNodeRoles } from "./update-node-roles.ts";

const approval = (pubkey: Uint8Array) => create(ApproveNodeRequestSchema, { pubkey });

test.each([
  [NodeState.NEW, NodeState.STANDBY],
  [NodeState.STANDBY, NodeState.STANDBY],
  [NodeState.UP, NodeState.UP],
])("approveNode takes a node from state %p to %p", async (before, after) => {
  await using leader = await testLeader();
  const { id, publicKey } = await leader.add({ fsmState: before });
  expect(await approveNode(leader)(approval(publicKey), testCall())).toEqual({});
  expect(leader.stored(id)?.fsmState).toBe(after);
});

test("approveNode refuses what is no node, no key, or decommissioned", async () => {
  await using leader = await testLeader();
  const gone = await leader.add({ fsmState: NodeState.DECOMMISSIONED });
  const code = (key: Uint8Array) => codeOf(approveNode(leader)(approval(key), testCall()));
  expect(await code(new Uint8Array(32))).toBe(Code.notFound);
  expect(await code(new Uint8Array(31))).toBe(Code.invalidArgument);
  expect(await code(new Uint8Array())).toBe(Code.invalidArgument);
  expect(await code(gone.publicKey)).toBe(Code.failedPrecondition);
});

test("approveNode changes nothing after the leadership is lost", async () => {
  await using leader = await testLeader();
  const { id, publicKey } = await leader.add({ fsmState: NodeState.NEW });
  await leader.depose();
  const result = approveNode(leader)(approval(publicKey), testCall());
  expect(await codeOf(result)).toBe(Code.unavailable);
  expect(leader.stored(id)?.fsmState).toBe(NodeState.NEW);
});

type Roles = Omit<MessageInitShape<typeof UpdateNodeRolesRequestSchema>, "$typeName" | "node">;

const member = { consensusMember: {} };
const controller = { consensusMember: {}, kubernetesController: {} };

test.each<[string, object, Roles, string]>([
  ["nothing", member, {}, "consensusMember"],
  ["the worker role", {}, { kubernetesWorker: true }, "kubernetesWorker"],
  ["a role it has", { kubernetesWorker: {} }, { kubernetesWorker: true }, "kubernetesWorker"],
  ["the worker role taken", { kubernetesWorker: {} }, { kubernetesWorker: false }, ""],
  ["a role taken that it lacks", {}, { kubernetesController: false }, ""],
  [
    "the controller role",
    member,
    { kubernetesController: true },
    "consensusMember,kubernetesController",
  ],
  ["the consensus role it has", member, { consensusMember: true }, "consensusMember"],
  ["the controller role taken", controller, { kubernetesController: false }, "consensusMember"],
])("updateNodeRoles gives %s", async (_, before, wanted, after) => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles: create(NodeRolesSchema, before) });
  const node = { case: "id", value: id } as const;
  await updateNodeRoles(leader)(
    create(UpdateNodeRolesRequestSchema, { node, ...wanted }),
    testCall(),
  );
  const { $typeName: _name, ...roles } = leader.stored(id)?.roles ?? { $typeName: "" };
  const held = Object.entries(roles).filter(([, role]) => role !== undefined);
  expect(
    held
      .map(([name]) => name)
      .sort()
      .join(),
  ).toBe(after);
});

test.each<[string, object, Roles, Code]>([
  ["a controller without consensus", {}, { kubernetesController: true }, Code.failedPrecondition],
  [
    "consensus taken from a controller",
    controller,
    { consensusMember: false },
    Code.failedPrecondition,
  ],
])("updateNodeRoles refuses %s", async (_, before, wanted, code) => {
  await using leader = await testLeader();
  const roles = create(NodeRolesSchema, before);
  const { publicKey, id } = await leader.add({ roles });
  const node = { case: "pubkey", value: publicKey } as const;
  const request = create(UpdateNodeRolesRequestSchema, { node, ...wanted });
  expect(await codeOf(updateNodeRoles(leader)(request, testCall()))).toBe(code);
  expect(leader.stored(id)?.roles).toEqual(roles);
});

test.each([
  [{ case: undefined }, Code.invalidArgument],
  [{ case: "id", value: "" }, Code.invalidArgument],
  [{ case: "pubkey", value: new Uint8Array(5) }, Code.invalidArgument],
  [{ case: "id", value: "nobody" }, Code.notFound],
  [{ case: "id", value: "../cluster/configuration" }, Code.notFound],
] as const)("a node named %p is refused with code %i", async (node, code) => {
  await using leader = await testLeader();
  const roles = create(UpdateNodeRolesRequestSchema, { node });
  const labels = create(UpdateNodeLabelsRequestSchema, { node });
  const deletion = create(DeleteNodeRequestSchema, { node });
  expect(await codeOf(updateNodeRoles(leader)(roles, testCall()))).toBe(code);
  expect(await codeOf(updateNodeLabels(leader)(labels, testCall()))).toBe(code);
  expect(await codeOf(deleteNode(leader)(deletion, testCall()))).toBe(code);
});

type Labels = Omit<MessageInitShape<typeof UpdateNodeLabelsRequestSchema>, "$typeName" | "node">;

async function changeLabels(change: Labels, pairs = [{ key: "a", value: "1" }]) {
  await using leader = await testLeader();
  const { id } = await leader.add({ labels: create(NodeLabelsSchema, { pairs }) });
  const node = { case: "id", value: id } as const;
  const request = create(UpdateNodeLabelsRequestSchema, { node, ...change });
  const code = await codeOf(updateNodeLabels(leader)(request, testCall()));
  const after = leader.stored(id)?.labels?.pairs.map(({ key, value }) => `${key}=${value}`);
  return { code, after: after?.join() };
}

test("updateNodeLabels sets and removes at once", async () => {
  const upsert = [{ key: "b", value: "2" }];
  expect(await changeLabels({ upsert, delete: ["a"] })).toEqual({ code: Code.ok, after: "b=2" });
  const replaced = [{ key: "a", value: "" }];
  expect(await changeLabels({ upsert: replaced, delete: ["absent"] })).toMatchObject({
    after: "a=",
  });
});

test.each<[string, Labels]>([
  ["a bad key", { upsert: [{ key: "-", value: "" }] }],
  ["a bad key to remove", { delete: ["a b"] }],
  ["a bad value", { upsert: [{ key: "b", value: "?" }] }],
  ["a key set twice", { upsert: ["x", "y"].map((value) => ({ key: "b", value })) }],
  ["a key removed twice", { delete: ["b", "b"] }],
  ["a key set and removed", { upsert: [{ key: "b", value: "" }], delete: ["b"] }],
])("updateNodeLabels refuses %s and changes nothing", async (_, change) => {
  expect(await changeLabels(change)).toEqual({ code: Code.invalidArgument, after: "a=1" });
});

test("updateNodeLabels refuses the label that is too much", async () => {
  const pairs = Array.from({ length: 128 }, (_, i) => ({ key: `k${i}`, value: "" }));
  const one = [{ key: "one-more", value: "" }];
  expect(await changeLabels({ upsert: one }, pairs)).toMatchObject({ code: Code.outOfRange });
  expect(await changeLabels({ upsert: one, delete: ["k0"] }, pairs)).toMatchObject({
    code: Code.ok,
  });
});

const bypassRoles = { safetyBypassHasRoles: {} };
const bypassState = { safetyBypassNotDecommissioned: {} };
const roles = create(NodeRolesSchema, { kubernetesWorker: {} });

test.each([
  ["a new node", { fsmState: NodeState.NEW }, {}, Code.ok],
  ["a node in standby", { fsmState: NodeState.STANDBY }, {}, Code.ok],
  ["a decommissioned node", { fsmState: NodeState.DECOMMISSIONED }, {}, Code.ok],
  ["a member", {}, {}, Code.failedPrecondition],
  ["a member, with bypass", {}, bypassState, Code.ok],
  ["a member with roles", { roles }, bypassState, Code.failedPrecondition],
  ["a member with roles, half bypassed", { roles }, bypassRoles, Code.failedPrecondition],
  ["a member with roles, bypassed", { roles }, { ...bypassRoles, ...bypassState }, Code.ok],
])("deleteNode of %s", async (_, fields, bypass, code) => {
  await using leader = await testLeader();
  const joinKey = new Uint8Array(32).fill(3);
  const { id } = await leader.add({ ...fields, joinKey });
  await leader.raw.put(keys.joinKey(joinKey), new TextEncoder().encode(id));
  const request = create(DeleteNodeRequestSchema, { node: { case: "id", value: id }, ...bypass });
  expect(await codeOf(deleteNode(leader)(request, testCall()))).toBe(code);
  const isGone = code === Code.ok;
  expect(leader.stored(id) === undefined).toBe(isGone);
  expect((await leader.raw.get(keys.joinKey(joinKey))) === undefined).toBe(isGone);
});

test("updateNodeRoles gives consensus, and takes it where others have votes", async () => {
  await using leader = await testLeader();
  const [one, two] = [await leader.add(), await leader.add()];
  const change = (id: string, consensusMember: boolean) => {
    const node = { case: "id", value: id } as const;
    const request = create(UpdateNodeRolesRequestSchema, { node, consensusMember });
    return codeOf(updateNodeRoles(leader)(request, testCall()));
  };
  for (const { id } of [one, two]) expect(await change(id, true)).toBe(Code.ok);
  leader.consensus.members = [one, two].map(({ id: name }, index) => ({
    ...{ id: BigInt(index), name, peerUrls: [], isLearner: false },
  }));
  for (const { id } of [one, two]) leader.heartbeats.record(id);
  expect(await change(one.id, false)).toBe(Code.ok);
  expect(leader.stored(one.id)?.roles?.consensusMember).toBeUndefined();
  expect(await change(two.id, false)).toBe(Code.failedPrecondition);
});

test.each([
  ["is being decommissioned", { decommissioning: true }],
  ["waits for approval", { fsmState: NodeState.NEW }],
  ["was decommissioned", { fsmState: NodeState.DECOMMISSIONED }],
])("updateNodeRoles gives nothing to a node that %s", async (_, fields) => {
  await using leader = await testLeader();
  const { id } = await leader.add(fields);
  const node = { case: "id", value: id } as const;
  const request = create(UpdateNodeRolesRequestSchema, { node, kubernetesWorker: true });
  expect(await codeOf(updateNodeRoles(leader)(request, testCall()))).toBe(Code.failedPrecondition);
});

test("decommissionNode takes all roles, and returns when the node is out", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles: create(NodeRolesSchema, { kubernetesWorker: {} }) });
  const request = create(DecommissionNodeRequestSchema, { node: { case: "id", value: id } });
  const done = decommissionNode(leader)(request, testCall());
  while (leader.stored(id)?.decommissioning !== true) await Bun.sleep(2);
  expect(leader.stored(id)?.roles?.kubernetesWorker).toBeUndefined();
  const fsmState = NodeState.DECOMMISSIONED;
  await changeNode(leader, id, () => ({ fields: { fsmState, decommissioning: false } }));
  await done;
  await decommissionNode(leader)(request, testCall());
});

test.each([
  ["the last voter", { roles: create(NodeRolesSchema, member) }],
  ["one that was never UP", { fsmState: NodeState.STANDBY }],
])("decommissionNode refuses %s", async (_, fields) => {
  await using leader = await testLeader();
  const { id } = await leader.add(fields);
  leader.consensus.members = [{ id: 1n, name: id, peerUrls: [], isLearner: false }];
  const request = create(DecommissionNodeRequestSchema, { node: { case: "id", value: id } });
  expect(await codeOf(decommissionNode(leader)(request, testCall()))).toBe(Code.failedPrecondition);
});

test("rotateRegisterTicket makes the old ticket useless", async () => {
  await using leader = await testLeader();
  const old = await ensureRegisterTicket(leader.store);
  const request = create(RotateRegisterTicketRequestSchema);
  const { ticket = new Uint8Array() } = await rotateRegisterTicket(leader)(request, testCall());
  const { isShown } = await presentTicket(leader.store);
  expect([old, ticket].map(isShown)).toEqual([false, true]);
});

test("deleteNode spares the member that consensus cannot do without, whatever the flags", async () => {
  await using leader = await testLeader();
  const roles = create(NodeRolesSchema, { consensusMember: {} });
  const [healthy, dead] = [await leader.add({ roles }), await leader.add({ roles })];
  leader.consensus.members = [healthy, dead].map(({ id: name }, index) => ({
    ...{ id: BigInt(index + 1), name, peerUrls: [], isLearner: false },
  }));
  leader.time.now += 60_000;
  leader.heartbeats.record(healthy.id);
  const forced = (id: string) =>
    codeOf(
      deleteNode(leader)(
        create(DeleteNodeRequestSchema, {
          node: { case: "id", value: id },
          safetyBypassHasRoles: {},
          safetyBypassNotDecommissioned: {},
        }),
        testCall(),
      ),
    );
  expect(await forced(healthy.id)).toBe(Code.failedPrecondition);
  expect(leader.stored(healthy.id)).toBeDefined();
  // The dead one is nobody's loss.
  expect(await forced(dead.id)).toBe(Code.ok);
  expect(await forced(healthy.id)).toBe(Code.failedPrecondition);
});
