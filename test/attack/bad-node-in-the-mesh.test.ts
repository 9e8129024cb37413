// A node gone bad: it has a certificate, and may say of itself what it likes. It wants the
// network between the others down, or their traffic.
//
// The leader here is the real one over a store in memory, and the device of the other nodes one
// that takes a configuration whole or not at all, as WireGuard does.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type Call, Code } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import { deleteNode } from "../../src/curator/management/delete-node.ts";
import { updateNodeRoles } from "../../src/curator/management/update-node-roles.ts";
import { updateClusterNetworking } from "../../src/curator/node-service/update-cluster-networking.ts";
import { updateNodeStatus } from "../../src/curator/node-service/update-node-status.ts";
import { watch } from "../../src/curator/node-service/watch.ts";
import {
  nodeCall,
  type TestLeader,
  testLeader,
  userCall,
} from "../../src/curator/state/test-leader.ts";
import {
  NodeSchema,
  UpdateNodeClusterNetworkingRequestSchema,
  UpdateNodeStatusRequestSchema,
  WatchEventSchema,
  WatchRequestSchema,
} from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  DeleteNodeRequestSchema,
  UpdateNodeRolesRequestSchema,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import {
  NodeClusterNetworkingSchema as NetworkingSchema,
  NodeStatusSchema,
} from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { applyPeers } from "../../src/node/mesh/apply-peers.ts";
import { meshPeers, planPeers } from "../../src/node/mesh/peers.ts";
import { TestDevice, wireguardKey } from "../../src/node/mesh/test-peers.ts";
import { applyEvent } from "../../src/node/roles/watch.ts";

/** A node of the cluster, and the way it speaks to the leader. */
interface Peer {
  readonly id: string;
  readonly number: number;
}

/** The leader, and what nodes ask of it. */
class Cluster implements AsyncDisposable {
  private constructor(readonly leader: TestLeader) {}

  static async start(): Promise<Cluster> {
    return new Cluster(await testLeader());
  }

  /** An honest worker: it calls from its address, and publishes what it was allotted. */
  async worker(number: number): Promise<Peer> {
    const { id } = await this.leader.add();
    const peer = { id, number };
    await this.report(peer, address(number), address(number));
    await this.giveRole(id);
    await this.publish(peer, wireguardKey(number), this.own(peer));
    return peer;
  }

  async giveRole(id: string): Promise<void> {
    const fields = { node: { case: "id", value: id }, kubernetesWorker: true } as const;
    await updateNodeRoles(this.leader)(create(UpdateNodeRolesRequestSchema, fields), userCall());
  }

  async remove({ id }: Peer): Promise<void> {
    const node = { case: "id", value: id } as const;
    const bypass = { safetyBypassHasRoles: {}, safetyBypassNotDecommissioned: {} };
    await deleteNode(this.leader)(create(DeleteNodeRequestSchema, { node, ...bypass }), userCall());
  }

  /** Says that a node is reached at an address, in a call that comes from `from`. */
  async report(peer: Peer, externalAddress: string, from: string): Promise<void> {
    await this.reportAll(peer, [externalAddress], from);
  }

  /** The same of several addresses, best first. */
  async reportAll({ id }: Peer, addresses: readonly string[], from: string): Promise<void> {
    const [externalAddress = ""] = addresses;
    const request = { nodeId: id, status: { externalAddress, addresses: [...addresses] } };
    const call: Call = { ...nodeCall(id), remoteAddress: from };
    await updateNodeStatus(this.leader)(create(UpdateNodeStatusRequestSchema, request), call);
    this.leader.heartbeats.record(id);
  }

  async publish({ id }: Peer, key: string, cidrs: readonly string[]): Promise<void> {
    const prefixes = cidrs.map((cidr) => ({ cidr }));
    const clusternet = { wireguardPubkey: key, prefixes };
    const request = create(UpdateNodeClusterNetworkingRequestSchema, { clusternet });
    await updateClusterNetworking(this.leader)(request, nodeCall(id));
  }

  /** All that a node may publish. */
  own({ id }: Peer): readonly string[] {
    const { status, podRanges = [] } = this.leader.stored(id) ?? {};
    return [`${status?.externalAddress}/32`, ...podRanges];
  }

  ranges({ id }: Peer): readonly string[] {
    return this.leader.stored(id)?.podRanges ?? [];
  }

  addresses({ id }: Peer): readonly string[] {
    return this.leader.stored(id)?.status?.addresses ?? [];
  }

  address({ id }: Peer): string | undefined {
    return this.leader.stored(id)?.status?.externalAddress;
  }

  /** Time goes on; only these nodes are heard of meanwhile. */
  pass(ms: number, ...alive: readonly Peer[]): void {
    this.leader.time.now += ms;
    for (const { id } of alive) this.leader.heartbeats.record(id);
  }

  /** The numbers of the peers that a node's device ends up with, from what the leader tells. */
  async peersOf({ id, number }: Peer, device = new TestDevice()): Promise<readonly number[]> {
    const nodes = new Map();
    const end = new AbortController();
    const kind = { case: "nodesInCluster", value: {} } as const;
    const request = create(WatchRequestSchema, { kind });
    const call = { ...nodeCall(id), signal: end.signal };
    for await (const { nodes: told = [] } of watch(this.leader)(request, call)) {
      applyEvent(nodes, { ...emptyEvent, nodes: told.map((node) => create(NodeSchema, node)) });
      break;
    }
    end.abort();
    const publicKey = wireguardKey(number);
    const addresses = [address(number)];
    const own = { id, publicKey, addresses, podRanges: this.ranges({ id, number }) };
    await applyPeers(device, planPeers(meshPeers(nodes.values()), own).peers);
    return [...device.peers.keys()].map((key) => Buffer.from(key, "base64")[0] ?? 0).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leader[Symbol.asyncDispose]();
  }
}

const emptyEvent = create(WatchEventSchema);

function address(number: number): string {
  return `192.0.2.${number}`;
}

const noAddresses = [
  ...["fe80::1%nope", "fe80::1", "fd00::1%2", "127.0.0.1", "::1", "0.0.0.0", "::", "0.1.2.3"],
  ...["224.0.0.1", "ff02::1", "255.255.255.255", "169.254.169.254", "::ffff:7f00:1"],
  ...["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1", "192.0.2.3\n[Peer]"],
  ...["192.0.2.3 metropolis-other", "0300.0.2.3", "FD00::1", "x".repeat(100_000)],
];

test.each(noAddresses.map((text) => [text.slice(0, 32), text]))(
  "a bad node that reports %j wants the mesh of all down: it is refused",
  async (_, text) => {
    await using cluster = await Cluster.start();
    const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
    await cluster.worker(3);
    expect(await codeOf(cluster.report(bad, text, address(2)))).toBe(Code.invalidArgument);
    expect(await cluster.peersOf(victim)).toEqual([2, 3]);
  },
);

test.each(noAddresses.map((text) => [text.slice(0, 32), text]))(
  "a bad node whose address %j got past the leader costs the others only itself",
  async (_, externalAddress) => {
    await using cluster = await Cluster.start();
    const victim = await cluster.worker(1);
    await cluster.worker(3);
    const clusternet = { wireguardPubkey: wireguardKey(2), prefixes: [] };
    const status = create(NodeStatusSchema, { externalAddress });
    await cluster.leader.add({ status, clusternet: create(NetworkingSchema, clusternet) });
    expect(await cluster.peersOf(victim)).toEqual([3]);
  },
);

test("a bad node in a form that nobody foresaw costs the others only itself", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  await cluster.worker(3);
  const device = new TestDevice();
  device.indigestible.add(bad.id);
  expect(await cluster.peersOf(victim, device)).toEqual([3]);
});

test("a bad node that wants the address of one that is there is refused, and has none", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  const taking = cluster.report(bad, address(1), address(2));
  await expect(taking).rejects.toThrow(`node ${victim.id}'s`);
  expect(await codeOf(taking)).toBe(Code.alreadyExists);
  expect([cluster.address(victim), cluster.address(bad)]).toEqual([address(1), ""]);
  // What it published of the address that it has left is gone, too.
  expect(cluster.leader.stored(bad.id)?.clusternet?.prefixes.map(({ cidr }) => cidr)).toEqual([
    ...cluster.ranges(bad),
  ]);
  await cluster.report(bad, address(2), address(2));
});

test("a bad node that waits until another is off gets its address, and loses it to its return", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  cluster.pass(59_000, bad);
  expect(await codeOf(cluster.report(bad, address(1), address(2)))).toBe(Code.alreadyExists);
  cluster.pass(2_000, bad);
  await cluster.report(bad, address(1), address(2));
  // It repeats itself as often as it likes; who calls from the address is believed more.
  for (let i = 0; i < 3; i++) await cluster.report(bad, address(1), address(2));
  await cluster.report(victim, address(1), address(1));
  expect([cluster.address(victim), cluster.address(bad)]).toEqual([address(1), ""]);
  expect(await codeOf(cluster.report(bad, address(1), address(2)))).toBe(Code.alreadyExists);
});

test("a bad node that answers at another's address, too, does not make it change all the time", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  let changes = 0;
  for (let second = 0; second < 60; second++) {
    cluster.pass(1_000, victim, bad);
    for (const one of [bad, victim]) {
      if (cluster.address(one) === address(1)) continue;
      if ((await codeOf(cluster.report(one, address(1), address(1)))) === Code.ok) changes++;
    }
  }
  expect(changes).toBeLessThanOrEqual(6);
});

test("nodes whose addresses DHCP has swapped get them, by whatever way they call", async () => {
  for (const translated of [false, true]) {
    await using cluster = await Cluster.start();
    const [one, other] = [await cluster.worker(1), await cluster.worker(2)];
    cluster.pass(20_000, one, other);
    const from = (number: number) => (translated ? "203.0.113.1" : address(number));
    // Each asks again when it was refused, as its agent does.
    for (let round = 0; round < 2; round++) {
      await codeOf(cluster.report(one, address(2), from(2)));
      await codeOf(cluster.report(other, address(1), from(1)));
    }
    expect([cluster.address(one), cluster.address(other)]).toEqual([address(2), address(1)]);
  }
});

test("a new machine gets the address of one that is off for long, by whatever way it calls", async () => {
  for (const from of [address(1), "203.0.113.1"]) {
    await using cluster = await Cluster.start();
    const [old, next] = [await cluster.worker(1), await cluster.worker(2)];
    cluster.pass(61_000, next);
    await cluster.report(next, address(1), from);
    expect([cluster.address(old), cluster.address(next)]).toEqual(["", address(1)]);
  }
});

test("a bad node that wants another's pods, or its traffic, may publish neither", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  const [range = "", range6 = ""] = cluster.ranges(victim);
  const wanted = [
    ...[range, range6, range.replace("/24", "/25"), range6.replace("/64", "/65")],
    ...[`${address(1)}/32`, "10.192.0.0/11", "0.0.0.0/0", "::/0", "10.192.0.0/16"],
    // Nobody's so far: it would be the next one's.
    ...["10.192.2.0/24", "10.223.255.0/24"],
  ];
  for (const cidr of wanted) {
    const publishing = cluster.publish(bad, wireguardKey(2), [...cluster.own(bad), cidr]);
    expect([cidr, await codeOf(publishing)]).toEqual([cidr, Code.invalidArgument]);
  }
  // An address of its own would be the longer prefix.
  const inside = range.replace("0/24", "7");
  expect(await codeOf(cluster.report(bad, inside, inside))).toBe(Code.invalidArgument);
  const inside6 = range6.replace("/64", "7");
  expect(await codeOf(cluster.report(bad, inside6, inside6))).toBe(Code.invalidArgument);
  expect(await cluster.peersOf(victim)).toEqual([2]);
});

test.each([
  ["fe80::1"],
  ["127.0.0.1"],
  ["::ffff:192.0.2.1"],
  ["10.192.3.7"],
  [address(2)],
  ["192.0.2.1\nPrivateKey = x"],
])("a bad node that names %p behind its own address is refused", async (second) => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  const reporting = cluster.reportAll(bad, [address(2), second], address(2));
  expect(await codeOf(reporting)).toBe(Code.invalidArgument);
  expect(cluster.addresses(bad)).toEqual([address(2)]);
  expect(await cluster.peersOf(victim)).toEqual([2]);
});

test("a bad node with addresses without end is refused", async () => {
  await using cluster = await Cluster.start();
  const bad = await cluster.worker(2);
  const more = Array.from({ length: 8 }, (_, index) => `fd00::${index + 1}`);
  const reporting = cluster.reportAll(bad, [address(2), ...more], address(2));
  expect(await codeOf(reporting)).toBe(Code.invalidArgument);
  await cluster.reportAll(bad, [address(2), ...more.slice(1)], address(2));
  expect(cluster.addresses(bad)).toHaveLength(8);
});

test("a bad node that wants another's second address goes without it, and keeps its own", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  await cluster.reportAll(victim, [address(1), "fd00::1"], address(1));
  for (const wanted of ["fd00::1", address(1)]) {
    await cluster.reportAll(bad, [address(2), wanted, "fd00::2"], address(2));
    expect(cluster.addresses(bad)).toEqual([address(2), "fd00::2"]);
  }
  expect(cluster.addresses(victim)).toEqual([address(1), "fd00::1"]);
  // Neither may it publish the network of an address that it did not get.
  const taking = cluster.publish(bad, wireguardKey(2), ["fd00::1/128"]);
  expect(await codeOf(taking)).toBe(Code.invalidArgument);
  await cluster.publish(bad, wireguardKey(2), [`${address(2)}/32`, "fd00::2/128"]);
});

test("who calls from another's second address gets it; the other keeps his first", async () => {
  await using cluster = await Cluster.start();
  const [one, two] = [await cluster.worker(1), await cluster.worker(2)];
  await cluster.reportAll(one, [address(1), "fd00::1"], address(1));
  const ranges = cluster.ranges(one);
  await cluster.publish(one, wireguardKey(1), [`${address(1)}/32`, "fd00::1/128", ...ranges]);
  await cluster.reportAll(two, ["fd00::1", address(2)], "fd00::1");
  expect(cluster.addresses(two)).toEqual(["fd00::1", address(2)]);
  expect(cluster.addresses(one)).toEqual([address(1)]);
  const prefixes = cluster.leader.stored(one.id)?.clusternet?.prefixes.map(({ cidr }) => cidr);
  expect(prefixes).toEqual([`${address(1)}/32`, ...ranges]);
  // It has moved there only just now; and a word that is repeated keeps nobody out.
  await cluster.reportAll(one, [address(1), "fd00::1"], "fd00::1");
  expect(cluster.addresses(one)).toEqual([address(1)]);
  cluster.pass(11_000, one, two);
  await cluster.reportAll(two, [address(2), "fd00::1"], "fd00::1");
  await cluster.reportAll(one, [address(1), "fd00::1"], "fd00::1");
  expect(cluster.addresses(one)).toEqual([address(1), "fd00::1"]);
});

test("a bad node with a leader that lets everything through gets no prefix twice", async () => {
  await using cluster = await Cluster.start();
  const [victim, third] = [await cluster.worker(1), await cluster.worker(3)];
  const [range = ""] = cluster.ranges(third);
  await cluster.leader.add({
    status: create(NodeStatusSchema, { externalAddress: address(9) }),
    clusternet: create(NetworkingSchema, {
      ...{ wireguardPubkey: wireguardKey(9), prefixes: [{ cidr: range.replace("/24", "/25") }] },
    }),
    podRanges: [range.replace("/24", "/25")],
  });
  // Two that want the same: never both, and never neither.
  expect(await cluster.peersOf(victim)).toHaveLength(1);
});

test("a bad node that brings another's key is refused, and told whose it is", async () => {
  await using cluster = await Cluster.start();
  const [victim, bad] = [await cluster.worker(1), await cluster.worker(2)];
  const taking = cluster.publish(bad, wireguardKey(1), cluster.own(bad));
  await expect(taking).rejects.toThrow(victim.id);
  for (const spelling of [wireguardKey(1).replace("=", ""), ` ${wireguardKey(1)}`]) {
    const publishing = cluster.publish(bad, spelling, cluster.own(bad));
    expect(await codeOf(publishing)).toBe(Code.invalidArgument);
  }
  expect(await cluster.peersOf(victim)).toEqual([2]);
});

test("workers that come at once get ranges of their own; who is deleted holds none", async () => {
  await using cluster = await Cluster.start();
  const nodes = await Promise.all(Array.from({ length: 20 }, () => cluster.leader.add()));
  await Promise.all(nodes.map(({ id }) => cluster.giveRole(id)));
  const ranges = nodes.flatMap(({ id }) => cluster.ranges({ id, number: 0 }));
  expect(new Set(ranges).size).toBe(40);
  const [first = { id: "" }] = nodes;
  const before = cluster.ranges({ id: first.id, number: 0 });
  // Asked again, it keeps what it has.
  await cluster.giveRole(first.id);
  expect(cluster.ranges({ id: first.id, number: 0 })).toEqual(before);
  await cluster.remove({ id: first.id, number: 0 });
  expect(cluster.ranges(await cluster.worker(1))).toEqual(before);
});
