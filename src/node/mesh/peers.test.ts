// Tests of who is a peer, and of what WireGuard is told.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { ensureMeshKey } from "./mesh-key.ts";
import { deviceConfiguration, freshHandshakes, meshPeers, otherPeers } from "./peers.ts";

const key = Buffer.alloc(32, 1).toString("base64");

function node(id: string, externalAddress: string, wireguardPubkey = key, state = NodeState.UP) {
  const prefixes = [{ cidr: `${externalAddress}/32` }];
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
  expect(otherPeers(meshPeers(nodes), "a")).toEqual([
    { id: "c", publicKey: key, address: "10.1.0.4", prefixes: ["10.1.0.4/32"] },
  ]);
});

test("the configuration names the device's key and every peer", () => {
  const peers = meshPeers([node("a", "10.1.0.2"), node("b", "fd00::2")]);
  expect(deviceConfiguration("secret", peers).split("\n")).toEqual([
    "[Interface]",
    "PrivateKey = secret",
    "ListenPort = 7838",
    ...["[Peer]", `PublicKey = ${key}`, "Endpoint = 10.1.0.2:7838"],
    ...["AllowedIPs = 10.1.0.2/32", "PersistentKeepalive = 25"],
    ...["[Peer]", `PublicKey = ${key}`, "Endpoint = [fd00::2]:7838"],
    ...["AllowedIPs = fd00::2/32", "PersistentKeepalive = 25"],
    "",
  ]);
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
