// The nodes of the encrypted network, and what WireGuard is told of them. Decisions only.
import type { Node } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";

/** UDP, on every node. */
export const MESH_PORT = 7838;

/** So that whoever sits behind a stateful firewall stays reachable. */
const KEEPALIVE_SECONDS = 25;

/** A node that takes part. */
export interface MeshPeer {
  readonly id: string;
  /** Base64. */
  readonly publicKey: string;
  /** IP address. */
  readonly address: string;
  /** What is reached through it; the cluster has checked that it may be. */
  readonly prefixes: readonly string[];
}

/** The members that have published a key and have an address, by ID. */
export function meshPeers(nodes: Iterable<Node>): readonly MeshPeer[] {
  return [...nodes]
    .filter(({ state }) => state === NodeState.UP)
    .flatMap(({ id, status, clusternet }) => {
      const address = status?.externalAddress ?? "";
      const publicKey = clusternet?.wireguardPubkey ?? "";
      if (address === "" || publicKey === "") return [];
      const prefixes = clusternet?.prefixes.map(({ cidr }) => cidr) ?? [];
      return [{ id, publicKey, address, prefixes }];
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** All but this node. */
export function otherPeers(peers: readonly MeshPeer[], self: string): readonly MeshPeer[] {
  return peers.filter(({ id }) => id !== self);
}

/** The device's configuration, see wg(8). It holds the private key. */
export function deviceConfiguration(privateKey: string, peers: readonly MeshPeer[]): string {
  const own = ["[Interface]", `PrivateKey = ${privateKey}`, `ListenPort = ${MESH_PORT}`];
  const others = peers.flatMap(({ publicKey, address, prefixes }) => [
    "[Peer]",
    `PublicKey = ${publicKey}`,
    `Endpoint = ${address.includes(":") ? `[${address}]` : address}:${MESH_PORT}`,
    `AllowedIPs = ${prefixes.join(", ")}`,
    `PersistentKeepalive = ${KEEPALIVE_SECONDS}`,
  ]);
  return `${[...own, ...others].join("\n")}\n`;
}

/** The public keys whose last handshake is not too old, of `wg show … latest-handshakes`. */
export function freshHandshakes(output: string, nowSeconds: number): ReadonlySet<string> {
  const lines = output
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  const fresh = lines.filter(([, time]) => nowSeconds - Number(time ?? 0) < FRESH_SECONDS);
  return new Set(fresh.map(([key = ""]) => key).filter((key) => key !== ""));
}

/** WireGuard makes a new handshake every two minutes; after three it drops the session. */
const FRESH_SECONDS = 180;
