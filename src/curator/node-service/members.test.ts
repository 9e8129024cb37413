// Tests of what members ask of the leader: to be seen, to see, to be certified.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { sleep } from "../../base/event/event.ts";
import { issueNode, validFor } from "../../base/pki/certificate.ts";
import { expiry } from "../../base/pki/verify.ts";
import { type Call, Code, testCall } from "../../base/rpc/rpc.ts";
import {
  GetConsensusStatusRequestSchema,
  HeartbeatRequestSchema,
  IssueCertificateRequestSchema,
  RenewCertificateRequestSchema,
  UpdateNodeClusterNetworkingRequestSchema,
  UpdateNodeStatusRequestSchema,
  WatchRequestSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  NodeRolesSchema,
  NodeState,
  NodeStatusSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "../state/keys.ts";
import { REPORT_RATE } from "../state/limits.ts";
import { nodeCall, type TestLeader, testCa, testLeader, userCall } from "../state/test-leader.ts";
import { getConsensusStatus } from "./get-consensus-status.ts";
import { heartbeat } from "./heartbeat.ts";
import { issueCertificate } from "./issue-certificate.ts";
import { renewCertificate } from "./renew-certificate.ts";
import { updateClusterNetworking } from "./update-cluster-networking.ts";
import { updateNodeStatus } from "./update-node-status.ts";
import { watch } from "./watch.ts";

type Status = MessageInitShape<typeof UpdateNodeStatusRequestSchema>;

function report(leader: TestLeader, request: Status, call: Call) {
  return updateNodeStatus(leader)(create(UpdateNodeStatusRequestSchema, request), call);
}

test("updateNodeStatus replaces the status and stamps it", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const status = {
    externalAddress: "10.0.0.1",
    timestamp: { seconds: 1n },
    bootId: new Uint8Array(16),
  };
  await report(leader, { nodeId: id, status }, nodeCall(id));
  await report(leader, { nodeId: id, status: { externalAddress: "fd00::1" } }, nodeCall(id));
  const stored = leader.stored(id)?.status;
  expect(stored?.externalAddress).toBe("fd00::1");
  expect(stored?.bootId).toHaveLength(0);
  expect(Number(stored?.timestamp?.seconds) - Date.now() / 1_000).toBeWithin(-5, 5);
});

test.each<[string, Status["status"]]>([
  ["no status", undefined],
  ["no address", {}],
  ["a name as address", { externalAddress: "node.internal" }],
  ["a prefix as address", { externalAddress: "10.0.0.1/8" }],
  ["an address with a zone", { externalAddress: "fe80::1%nope" }],
  ["a loopback address", { externalAddress: "127.0.0.1" }],
  ["an address among those of pods", { externalAddress: "10.192.3.7" }],
])("updateNodeStatus refuses %s", async (_, status) => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const request = { nodeId: id, ...(status && { status }) };
  await expect(report(leader, request, nodeCall(id))).rejects.toMatchObject({
    code: Code.invalidArgument,
  });
});

test("updateNodeStatus writes what is new, at most so much, and only so often", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const tell = (externalAddress: string, more: NonNullable<Status["status"]> = {}) =>
    report(leader, { nodeId: id, status: { externalAddress, ...more } }, nodeCall(id));
  await tell("10.0.0.1");
  const first = leader.stored(id);
  await tell("10.0.0.1");
  expect(leader.stored(id)).toBe(first);
  await expect(tell("10.0.0.1", { bootId: new Uint8Array(2_000) })).rejects.toMatchObject({
    code: Code.invalidArgument,
  });
  leader.reports.take(id, REPORT_RATE.burst - 3);
  await expect(tell("10.0.0.2")).rejects.toMatchObject({ code: Code.resourceExhausted });
  leader.time.now += 5_000;
  await tell("10.0.0.2");
  expect(leader.stored(id)?.status?.externalAddress).toBe("10.0.0.2");
});

test("updateNodeStatus refuses users, and nodes that speak for others", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const request = { nodeId: id, status: { externalAddress: "10.0.0.1" } };
  for (const call of [userCall(), nodeCall("metropolis-other"), testCall()]) {
    await expect(report(leader, request, call)).rejects.toMatchObject({
      code: Code.permissionDenied,
    });
  }
});

async function* beats(count: number) {
  for (let i = 0; i < count; i++) yield create(HeartbeatRequestSchema);
}

test("heartbeat answers each message and keeps the node healthy", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  leader.time.now += 60_000;
  expect(leader.heartbeats.health(id, NodeState.UP)).toBe(Node_Health.HEARTBEAT_TIMEOUT);
  const answers = await Array.fromAsync(heartbeat(leader)(beats(3), nodeCall(id)));
  expect(answers).toHaveLength(3);
  expect(leader.heartbeats.health(id, NodeState.UP)).toBe(Node_Health.HEALTHY);
});

test("heartbeat refuses users, and tells a deleted node", async () => {
  await using leader = await testLeader();
  const asUser = Array.fromAsync(heartbeat(leader)(beats(1), userCall()));
  await expect(asUser).rejects.toMatchObject({ code: Code.permissionDenied });
  const asGone = Array.fromAsync(heartbeat(leader)(beats(1), nodeCall("gone")));
  await expect(asGone).rejects.toMatchObject({ code: Code.notFound });
});

type Watched = MessageInitShape<typeof WatchRequestSchema>["kind"];

/** The first events of a watch, as text; `act` runs while it waits for the second. */
async function seen(leader: TestLeader, kind: Watched, count: number, act: () => Promise<unknown>) {
  const request = create(WatchRequestSchema, kind === undefined ? {} : { kind });
  const events: string[] = [];
  const watching = (async () => {
    for await (const event of watch(leader)(request, testCall())) {
      const nodes = (event.nodes ?? []).map((node) => `${node.id} ${NodeState[node.state ?? 0]}`);
      const gone = (event.nodeTombstones ?? []).map((node) => `-${node.nodeId}`);
      events.push([...nodes, ...gone, ...(event.progress ? ["last"] : [])].join());
      if (events.length === count) return;
    }
  })();
  await Promise.all([watching, sleep(2).then(act)]);
  return events;
}

test("watch of all nodes tells what there is, marks its end, then tells changes", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const all = { case: "nodesInCluster", value: {} } as const;
  const events = await seen(leader, all, 2, () => leader.raw.delete(keys.node(id)));
  expect(events).toEqual([`${id} UP,last`, `-${id}`]);
});

test("watch of no nodes tells so", async () => {
  await using leader = await testLeader();
  const all = { case: "nodesInCluster", value: {} } as const;
  expect(await seen(leader, all, 1, async () => {})).toEqual(["last"]);
});

test("watch of thousands of nodes tells them in pieces", async () => {
  await using leader = await testLeader();
  for (let i = 0; i < 1_001; i++) await leader.add();
  const all = { case: "nodesInCluster", value: {} } as const;
  const [first, second] = await seen(leader, all, 2, async () => {});
  expect(first?.split(",")).toHaveLength(1_000);
  expect(second).toEndWith(",last");
});

test("watch of one node waits for it, without a mark", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const one = { case: "nodeInCluster", value: { nodeId: id } } as const;
  const events = await seen(leader, one, 2, async () => {
    await leader.add();
    await leader.raw.delete(keys.node(id));
  });
  expect(events).toEqual([`${id} UP`, `-${id}`]);
});

test("watch without a kind is not implemented", async () => {
  await using leader = await testLeader();
  const watching = seen(leader, undefined, 1, async () => {});
  await expect(watching).rejects.toMatchObject({ code: Code.unimplemented });
});

const key = new Uint8Array(32);
const worker = create(NodeRolesSchema, { kubernetesWorker: {} });

test.each([
  ["a node without the role", {}, key, Code.permissionDenied],
  ["a short key", { roles: worker }, new Uint8Array(31), Code.invalidArgument],
  ["a worker, as there is no Kubernetes", { roles: worker }, key, Code.unimplemented],
])("issueCertificate refuses %s", async (_, fields, kubeletPubkey, code) => {
  await using leader = await testLeader();
  const { id } = await leader.add(fields);
  const value = { kubeletPubkey, csiProvisionerPubkey: key, netservicesPubkey: key };
  const request = create(IssueCertificateRequestSchema, {
    kind: { case: "kubernetesWorker", value },
  });
  await expect(issueCertificate(leader)(request, nodeCall(id))).rejects.toMatchObject({ code });
});

test("issueCertificate refuses users, and requests of no kind", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const request = create(IssueCertificateRequestSchema);
  await expect(issueCertificate(leader)(request, userCall())).rejects.toMatchObject({
    code: Code.permissionDenied,
  });
  await expect(issueCertificate(leader)(request, nodeCall(id))).rejects.toMatchObject({
    code: Code.invalidArgument,
  });
});

test("getConsensusStatus tells the members of etcd", async () => {
  await using leader = await testLeader([
    { name: "a", isLearner: false },
    { name: "b", isLearner: true },
  ]);
  const request = create(GetConsensusStatusRequestSchema);
  expect(await getConsensusStatus(leader)(request, testCall())).toEqual({
    etcdMember: [
      { id: "a", status: 2 },
      { id: "b", status: 1 },
    ],
  });
});

const wireguardPubkey = Buffer.alloc(32, 7).toString("base64");
const status = create(NodeStatusSchema, { externalAddress: "192.0.2.1" });
const podRanges = ["10.192.1.0/24", "fd00:1::/64"];

async function network(prefixes: readonly string[], pubkey = wireguardPubkey, fields = { status }) {
  await using leader = await testLeader();
  const { id } = await leader.add({ ...fields, podRanges });
  const clusternet = { wireguardPubkey: pubkey, prefixes: prefixes.map((cidr) => ({ cidr })) };
  const request = create(UpdateNodeClusterNetworkingRequestSchema, { clusternet });
  await updateClusterNetworking(leader)(request, nodeCall(id));
  return leader.stored(id)?.clusternet?.prefixes.map(({ cidr }) => cidr);
}

test("updateClusterNetworking takes the node's address and pods", async () => {
  const prefixes = ["192.0.2.1/32", ...podRanges];
  expect(await network(prefixes)).toEqual(prefixes);
});

test.each([
  ["10.224.0.0/24"],
  ["10.192.2.0/24"],
  ["10.192.1.0/25"],
  ["10.192.0.0/11"],
  ["10.192.0.0/10"],
  ["0.0.0.0/0"],
  ["10.192.1.1/24"],
  ["10.192.01.0/24"],
  ["192.0.2.2/32"],
  ["192.0.2.0/24"],
  ["192.0.2.1"],
  ["fd00::/64"],
  ["10.192.0.0/33"],
  ["10.192.256.0/24"],
  [""],
])("updateClusterNetworking refuses the prefix %p", async (prefix) => {
  await expect(network([prefix])).rejects.toMatchObject({ code: Code.invalidArgument });
});

test.each([[""], ["AAAA"], [`${wireguardPubkey} `], [Buffer.alloc(33).toString("base64")]])(
  "updateClusterNetworking refuses the key %p",
  async (pubkey) => {
    await expect(network([], pubkey)).rejects.toMatchObject({ code: Code.invalidArgument });
  },
);

test("updateClusterNetworking takes only so many networks", async () => {
  const many = Array.from({ length: 65 }, () => "192.0.2.1/32");
  await expect(network(many)).rejects.toThrow("more than 64 prefixes");
});

test("updateClusterNetworking wants a status first, a request, and a node", async () => {
  const unknown = network([], wireguardPubkey, { status: create(NodeStatusSchema) });
  await expect(unknown).rejects.toMatchObject({ code: Code.failedPrecondition });
  await using leader = await testLeader();
  const { id } = await leader.add({ status });
  const empty = create(UpdateNodeClusterNetworkingRequestSchema);
  const update = updateClusterNetworking(leader);
  await expect(update(empty, nodeCall(id))).rejects.toMatchObject({ code: Code.invalidArgument });
  await expect(update(empty, userCall())).rejects.toMatchObject({ code: Code.permissionDenied });
});

test("updateClusterNetworking refuses another node's key, and names that node", async () => {
  await using leader = await testLeader();
  const [one, other] = [await leader.add({ status }), await leader.add({ status })];
  const clusternet = { wireguardPubkey, prefixes: [] };
  const request = create(UpdateNodeClusterNetworkingRequestSchema, { clusternet });
  const update = updateClusterNetworking(leader);
  await update(request, nodeCall(one.id));
  await update(request, nodeCall(one.id));
  const refused = update(request, nodeCall(other.id));
  await expect(refused).rejects.toMatchObject({ code: Code.alreadyExists });
  await expect(refused).rejects.toThrow(one.id);
});

test("updateClusterNetworking gives a key to one of two nodes that bring it at once", async () => {
  await using leader = await testLeader();
  const nodes = [await leader.add({ status }), await leader.add({ status })];
  const clusternet = { wireguardPubkey, prefixes: [] };
  const request = create(UpdateNodeClusterNetworkingRequestSchema, { clusternet });
  const update = updateClusterNetworking(leader);
  const outcomes = await Promise.allSettled(nodes.map(({ id }) => update(request, nodeCall(id))));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

test("renewCertificate gives the same certificate until its end is near", async () => {
  await using leader = await testLeader();
  const { id, publicKey } = await leader.add();
  const request = create(RenewCertificateRequestSchema);
  const renew = async () => {
    const { nodeCertificate } = await renewCertificate(leader)(request, nodeCall(id));
    return Buffer.from(nodeCertificate ?? []);
  };
  const first = await renew();
  expect(await renew()).toEqual(first);
  const ending = await issueNode(testCa, publicKey, validFor(30));
  await leader.raw.put(keys.certificate(`node-${id}`), ending);
  const next = await renew();
  expect(next).not.toEqual(Buffer.from(ending));
  expect(expiry(next).getTime()).toBeGreaterThan(Date.now() + 700 * 86_400_000);
});
