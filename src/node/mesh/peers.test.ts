// Tests of who is a peer, and of what WireGuard is told.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { hostCidr } from "../../base/format/ip-prefix.ts";
import { NodeSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { programs } from "../../image/image.ts";
import { FOLDER } from "./device.ts";
import { ensureMeshKey } from "./mesh-key.ts";
import {
  deviceConfiguration,
  freshHandshakes,
  type MeshPeer,
  meshPeers,
  peerArguments,
  planPeers,
  unreachable,
} from "./peers.ts";
import { meshPeer, wireguardKey } from "./test-peers.ts";

const key = Buffer.alloc(32, 1).toString("base64");
/** Dials everybody at the best address. */
const first = ({ addresses }: MeshPeer) => addresses[0];

function node(id: string, externalAddress: string, wireguardPubkey = key, state = NodeState.UP) {
  const prefixes = [{ cidr: hostCidr(externalAddress) }];
  return create(NodeSchema, {
    id,
    state,
    status: { externalAddress },
    clusternet: { wireguardPubkey, prefixes },
  });
}

test("peers are the nodes with a key and an address, by ID", () => {
  const nodes = [
    node("c", "10.1.0.4"),
    node("a", "10.1.0.2"),
    node("b", ""),
    node("e", "10.1.0.6", key, NodeState.DECOMMISSIONED),
    create(NodeSchema, { id: "d", state: NodeState.UP, status: { externalAddress: "10.1.0.5" } }),
  ];
  expect(meshPeers(nodes).map(({ id }) => id)).toEqual(["a", "c"]);
  expect(meshPeers(nodes).at(-1)).toEqual({
    ...{ id: "c", publicKey: key, addresses: ["10.1.0.4"] },
    ...{ prefixes: ["10.1.0.4/32"], podRanges: [] },
  });
});

test("the configuration names the device's key and every peer", () => {
  const peers = meshPeers([node("a", "10.1.0.2"), node("b", "fd00::2")]);
  expect(deviceConfiguration("secret", peers, first).split("\n")).toEqual([
    "[Interface]",
    "PrivateKey = secret",
    "ListenPort = 7838",
    ...["[Peer]", `PublicKey = ${key}`, "Endpoint = 10.1.0.2:7838"],
    ...["AllowedIPs = 10.1.0.2/32", "PersistentKeepalive = 25"],
    ...["[Peer]", `PublicKey = ${key}`, "Endpoint = [fd00::2]:7838"],
    ...["AllowedIPs = fd00::2/128", "PersistentKeepalive = 25"],
    "",
  ]);
});

test("a peer that the device reaches already stays where it is", () => {
  expect(deviceConfiguration("secret", [a], () => undefined)).not.toContain("Endpoint");
  expect(peerArguments(a, () => undefined)).not.toContain("endpoint");
});

test("planPeers takes a peer of which one address is of a family that this node has", () => {
  const peer = { ...meshPeer("a", 1), addresses: ["192.0.2.1", "fd00::1"] };
  const six = { ...own, addresses: ["fd00::9"] };
  expect(planPeers([peer], six).refused.size).toBe(0);
  expect(planPeers([meshPeer("b", 2)], six).refused.get("b")).toContain("IPv4 addresses only");
});

test("nodes that have nothing in common with this one are told of, and no others", () => {
  const six = { ...own, addresses: ["fd00::9"] };
  const both = { ...meshPeer("b", 2), addresses: ["192.0.2.2", "fd00::2"] };
  const self = meshPeer(own.id, 99);
  expect(unreachable([meshPeer("a", 1), both, self], six)).toEqual([
    "node a is not reached: it has IPv4 addresses only, and this node has none of those",
  ]);
  expect(unreachable([meshPeer("a", 1), both, self], own)).toEqual([]);
});

test("one peer is told as the whole is", () => {
  const [peer = meshPeer("none", 0)] = meshPeers([node("a", "fd00::2")]);
  expect(peerArguments(peer, first).join(" ")).toBe(
    `peer ${key} endpoint [fd00::2]:7838 persistent-keepalive 25 allowed-ips fd00::2/128`,
  );
});

const own = {
  id: "own",
  publicKey: wireguardKey(99),
  addresses: ["192.0.2.99"],
  podRanges: ["10.192.99.0/24"],
};
const [a, b] = [meshPeer("a", 1), meshPeer("b", 2)];

test("planPeers takes all that hold only what is theirs, and not this node", () => {
  const self = { ...meshPeer("own", 99), addresses: ["fe80::1%nope"] };
  const { peers, refused } = planPeers([a, b, self], own);
  expect(peers).toEqual([a, b]);
  expect(refused.size).toBe(0);
});

test.each([
  ["an address with a zone", { addresses: ["fe80::1%nope"] }, "canonical"],
  ["a line in its address", { addresses: ["192.0.2.2\nPrivateKey = x"] }, "canonical"],
  ["a loopback address", { addresses: ["127.0.0.1"] }, "loopback"],
  ["no key", { publicKey: "AAAA" }, "key"],
  ["a line in its key", { publicKey: `${wireguardKey(2)}\n` }, "key"],
  ["another's key", { publicKey: wireguardKey(1) }, "is a's"],
  ["this node's key", { publicKey: own.publicKey }, "is own's"],
  ["another's address", { addresses: ["192.0.2.1"], prefixes: [] }, "192.0.2.1 is a's"],
  ["this node's address", { addresses: own.addresses, prefixes: [] }, "is own's"],
  ["another's address behind its own", { addresses: ["192.0.2.2", "192.0.2.1"] }, "is a's"],
  ["no address of a family that this node has", { addresses: ["fd00::2"] }, "IPv6 addresses only"],
  ["another's address as a network", { prefixes: ["192.0.2.1/32"] }, "not allotted"],
  ["another's pods", { prefixes: ["10.192.1.0/24"] }, "not allotted"],
  ["part of another's pods, by the leader's word", both("10.192.1.128/25"), "is a's"],
  ["all pods, by the leader's word", both("10.192.0.0/11"), "is own's"],
  ["everything", { prefixes: ["0.0.0.0/0"] }, "not allotted"],
  ["a line in a network", both("10.192.7.0/24\n[Peer]"), "no prefixes"],
])("planPeers leaves out a peer with %s, and nobody else", (_, fields, reason) => {
  const { peers, refused } = planPeers([a, { ...b, ...fields }, meshPeer("c", 3)], own);
  expect(peers.map(({ id }) => id)).toEqual(["a", "c"]);
  expect(refused.get("b")).toContain(reason);
});

function both(cidr: string) {
  return { prefixes: [cidr], podRanges: [cidr] };
}

test("planPeers keeps what the device has, whoever else comes to want it", () => {
  const { publicKey, addresses, prefixes, podRanges } = b;
  // Before b in the order of the IDs.
  const thief = { ...a, publicKey, addresses, prefixes, podRanges };
  expect(planPeers([thief, b], own).peers).toEqual([thief]);
  expect(planPeers([thief, b], own, [a, b]).peers).toEqual([b]);
  expect(planPeers([thief, b], own, [a, b]).refused.get("a")).toContain("is b's");
});

test("handshakes count while they are fresh; 0 is none at all", () => {
  const output = "aaa=\t1000\nbbb=\t0\nccc=\t700\n";
  expect([...freshHandshakes(output, 1_100)]).toEqual(["aaa="]);
  expect([...freshHandshakes("", 1_100)]).toEqual([]);
});

test("the key is made once, for nobody else to read; half a key is none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-mesh-"));
  const path = join(folder, "clusternet.key");
  writeFileSync(path, "c2hvcnQ=");
  const made = await ensureMeshKey(path);
  expect(Buffer.from(made.publicKey, "base64")).toHaveLength(32);
  expect(await ensureMeshKey(path)).toEqual(made);
  expect(existsSync(path) && statSync(path).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

test("wg sees a folder that stays, not a file that comes and goes while it starts", () => {
  expect(programs.wg?.view?.reads).toContain(FOLDER);
});
