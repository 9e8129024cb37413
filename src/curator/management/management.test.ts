// Tests of reading the cluster: ticket, information, nodes.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import {
  GetClusterInfoRequestSchema,
  GetNodesRequestSchema,
  GetRegisterTicketRequestSchema,
  Node_Health,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  NodeLabelsSchema,
  NodeRolesSchema,
  NodeState,
  NodeStatusSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Leader } from "../state/leader.ts";
import { testCa, testLeader } from "../state/test-leader.ts";
import { getClusterInfo } from "./get-cluster-info.ts";
import { getNodes } from "./get-nodes.ts";
import { getRegisterTicket } from "./get-register-ticket.ts";

const status = (externalAddress: string) => create(NodeStatusSchema, { externalAddress });

function list(leader: Leader, filter = "") {
  return Array.fromAsync(getNodes(leader)(create(GetNodesRequestSchema, { filter }), testCall()));
}

test("getRegisterTicket makes a ticket once", async () => {
  await using leader = await testLeader();
  const ask = () => getRegisterTicket(leader)(create(GetRegisterTicketRequestSchema), testCall());
  const [one, other] = await Promise.all([ask(), ask()]);
  expect(one.ticket).toHaveLength(34);
  expect(other.ticket).toEqual(one.ticket);
  expect(await ask()).toEqual(one);
});

test("getClusterInfo lists members with their addresses, by ID, at most 15", async () => {
  await using leader = await testLeader();
  for (let i = 0; i < 16; i++) await leader.add({ status: status(`10.0.0.${i}`) });
  await leader.add({ fsmState: NodeState.NEW, status: status("10.0.1.1") });
  const info = await getClusterInfo(leader)(create(GetClusterInfoRequestSchema), testCall());
  const entries = info.clusterDirectory?.nodes ?? [];
  const ids = entries.map(({ id }) => id ?? "");
  expect(entries).toHaveLength(15);
  expect(ids).toEqual([...ids].sort());
  expect(entries[0]?.addresses?.[0]?.host).toStartWith("10.0.0.");
});

test("getClusterInfo shows CA and configuration, the default before one was saved", async () => {
  await using leader = await testLeader();
  const info = await getClusterInfo(leader)(create(GetClusterInfoRequestSchema), testCall());
  expect(info.caCertificate).toEqual(testCa.certificate);
  expect(info.clusterConfiguration?.clusterDomain).toBe("cluster.internal");
});

test("getClusterInfo leaves out a node whose address is not known", async () => {
  await using leader = await testLeader();
  await leader.add();
  const info = await getClusterInfo(leader)(create(GetClusterInfoRequestSchema), testCall());
  expect(info.clusterDirectory?.nodes).toEqual([]);
});

test("getNodes shows nodes by ID, with health, and roles without their data", async () => {
  await using leader = await testLeader();
  const roles = create(NodeRolesSchema, {
    kubernetesWorker: {},
    consensusMember: { peerCertificate: new Uint8Array([1]) },
  });
  const pairs = ["b", "a"].map((key) => ({ key, value: "" }));
  const { id, publicKey } = await leader.add({
    roles,
    labels: create(NodeLabelsSchema, { pairs }),
  });
  await leader.add({ fsmState: NodeState.NEW });
  leader.heartbeats.record(id);
  leader.time.now += 3_000;
  const nodes = await list(leader);
  expect(nodes.map((node) => node.id ?? "")).toEqual(leader.nodes.list().map((node) => node.id));
  const shown = nodes.find((node) => node.id === id);
  expect(shown).toMatchObject({
    pubkey: publicKey,
    state: NodeState.UP,
    health: Node_Health.HEALTHY,
    timeSinceHeartbeat: { seconds: 3n },
    labels: { pairs: [{ key: "a" }, { key: "b" }] },
  });
  expect(shown?.roles?.consensusMember?.peerCertificate).toHaveLength(0);
  expect(shown?.roles?.kubernetesWorker).toBeDefined();
  expect(shown?.roles?.kubernetesController).toBeUndefined();
});

test("getNodes always sets roles and labels", async () => {
  await using leader = await testLeader();
  await leader.add();
  const [node] = await list(leader);
  expect(node?.roles).toBeDefined();
  expect(node?.labels).toBeDefined();
});

test.each([
  ["node.state == NODE_STATE_UP", 2],
  ["has(node.roles.kubernetes_worker)", 1],
  ["node.time_since_heartbeat < duration('6s')", 1],
  ["", 3],
])("getNodes with filter `%s` gives %i nodes", async (filter, count) => {
  await using leader = await testLeader();
  await leader.add({ roles: create(NodeRolesSchema, { kubernetesWorker: {} }) });
  leader.heartbeats.record((await leader.add()).id);
  await leader.add({ fsmState: NodeState.NEW });
  expect(await list(leader, filter)).toHaveLength(count);
});

test("getNodes shows the networks of a node's pods, which filters may ask for", async () => {
  await using leader = await testLeader();
  const podRanges = ["10.192.1.0/24", "fd00:1::/64"];
  const { id } = await leader.add({ podRanges });
  await leader.add();
  const found = await list(leader, "'10.192.1.0/24' in node.pod_ranges");
  expect(found.map((node) => [node.id, node.podRanges])).toEqual([[id, podRanges]]);
});

test("getNodes refuses a bad filter", async () => {
  await using leader = await testLeader();
  await expect(list(leader, "node.")).rejects.toMatchObject({ code: Code.invalidArgument });
});

test("getNodes shows the nodes of one moment, however slowly it is read", async () => {
  await using leader = await testLeader();
  for (let i = 0; i < 3; i++) await leader.add();
  const reading = getNodes(leader)(create(GetNodesRequestSchema), testCall());
  const reader = reading[Symbol.asyncIterator]();
  await reader.next();
  await leader.add();
  let rest = 0;
  while (!(await reader.next()).done) rest++;
  expect(rest).toBe(2);
});

test("getNodes of a leader who was replaced is unavailable", async () => {
  await using leader = await testLeader();
  await leader.depose();
  await expect(list(leader)).rejects.toMatchObject({ code: Code.unavailable });
});
