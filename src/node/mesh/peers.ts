// The nodes of the encrypted network, and what WireGuard is told of them. Decisions only.
import { isIP } from "node:net";
import { hostAddressFault } from "../../base/format/host-address.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import {
  formatPrefix,
  hostCidr,
  overlaps,
  type Prefix,
  parsePrefix,
} from "../../base/format/ip-prefix.ts";
import { allAddresses, nearest } from "../../base/format/reached.ts";
import { isWireguardKey } from "../../base/format/wireguard-key.ts";
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
  /** IP addresses, best first. */
  readonly addresses: readonly string[];
  /** What is reached through it, by its own word. */
  readonly prefixes: readonly string[];
  /** The networks of its pods, by the leader's word. */
  readonly podRanges: readonly string[];
}

/** Which of the peers the device shall have, and why not the others. */
export interface PeerPlan {
  readonly peers: readonly MeshPeer[];
  /** Reasons by node ID. */
  readonly refused: ReadonlyMap<string, string>;
}

/** The members that have published a key and have an address, by ID. */
export function meshPeers(nodes: Iterable<Node>): readonly MeshPeer[] {
  return [...nodes]
    .filter(({ state }) => state === NodeState.UP)
    .flatMap(({ id, status, clusternet, podRanges }) => {
      const addresses = allAddresses(status);
      const publicKey = clusternet?.wireguardPubkey ?? "";
      if (addresses.length === 0 || publicKey === "") return [];
      const prefixes = clusternet?.prefixes.map(({ cidr }) => cidr) ?? [];
      return [{ id, publicKey, addresses, prefixes, podRanges }];
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** What this node itself holds in the network. */
export type OwnPart = Pick<MeshPeer, "id" | "publicKey" | "addresses" | "podRanges">;

/**
 * Decides about all peers but this node. The leader has checked what they say, but what comes
 * from one node must not cost the others theirs, whoever has let it through: of two that want
 * the same, the one stays that the device has already, just as it is.
 */
export function planPeers(
  all: readonly MeshPeer[],
  own: OwnPart,
  present: readonly MeshPeer[] = [],
): PeerPlan {
  const known = new Set(present.map((peer) => JSON.stringify(peer)));
  const isKnown = (peer: MeshPeer) => known.has(JSON.stringify(peer));
  const others = all.filter(({ id }) => id !== own.id);
  const held = new Holdings(own);
  const refused = new Map<string, string>();
  const accepted = new Set<MeshPeer>();
  for (const peer of [...others.filter(isKnown), ...others.filter((one) => !isKnown(one))]) {
    const fault = held.take(peer);
    if (fault === undefined) accepted.add(peer);
    else refused.set(peer.id, fault);
  }
  return { peers: others.filter((peer) => accepted.has(peer)), refused };
}

/** What nobody else can have any more: keys, addresses and networks, with whose they are. */
class Holdings {
  readonly #own: readonly string[];
  readonly #names = new Map<string, string>();
  readonly #networks: { readonly network: Prefix; readonly holder: string }[] = [];

  constructor({ id, publicKey, addresses, podRanges }: OwnPart) {
    this.#own = addresses;
    this.#add(id, [publicKey, ...addresses], networks([...addresses.map(hostCidr), ...podRanges]));
  }

  /** Gives the peer what it wants, all of it; else says why it gets nothing. */
  take({ id, publicKey, addresses, prefixes, podRanges }: MeshPeer): string | undefined {
    if (!isWireguardKey(publicKey)) return "its key is none";
    const fault = addresses.map(hostAddressFault).find((each) => each !== undefined);
    if (fault !== undefined) return `its address is ${fault}`;
    if (nearest(addresses, this.#own) === undefined) return noFamily(addresses);
    for (const name of [publicKey, ...addresses]) {
      const holder = this.#names.get(name);
      if (holder !== undefined) return `${name} is ${holder}'s`;
    }
    const allowed = new Set([...addresses.map(hostCidr), ...podRanges]);
    const foreign = prefixes.find((cidr) => !allowed.has(cidr));
    if (foreign !== undefined) return `${JSON.stringify(foreign)} is not allotted to it`;
    const wanted = networks(prefixes);
    // Where one cannot be read, WireGuard would take none of all peers.
    if (wanted.length !== prefixes.length) return "its networks are no prefixes";
    const met = this.#networks.find(({ network }) => wanted.some((own) => overlaps(own, network)));
    if (met !== undefined) return `${formatPrefix(met.network)} is ${met.holder}'s`;
    this.#add(id, [publicKey, ...addresses], wanted);
    return undefined;
  }

  #add(holder: string, names: readonly string[], held: readonly Prefix[]): void {
    for (const name of names) if (name !== "") this.#names.set(name, holder);
    this.#networks.push(...held.map((network) => ({ network, holder })));
  }
}

function networks(prefixes: readonly string[]): Prefix[] {
  return prefixes.flatMap((cidr) => parsePrefix(cidr) ?? []);
}

/** What an operator is told of nodes that this one can never reach. */
export function unreachable(all: readonly MeshPeer[], { id: self, addresses: own }: OwnPart) {
  return all
    .filter(({ id, addresses }) => id !== self && nearest(addresses, own) === undefined)
    .map(({ id, addresses }) => `node ${id} is not reached: ${noFamily(addresses)}`);
}

/** Why somebody is not reached who has nothing of what this node has. */
function noFamily(addresses: readonly string[]): string {
  const family = addresses.some((address) => isIP(address) === 4) ? "IPv4" : "IPv6";
  return `it has ${family} addresses only, and this node has none of those`;
}

/** Where the device is to dial a peer; undefined: where it does already. */
export type EndpointOf = (peer: MeshPeer) => string | undefined;

/** The device's configuration, see wg(8). It holds the private key. */
export function deviceConfiguration(
  privateKey: string,
  peers: readonly MeshPeer[],
  endpointOf: EndpointOf,
): string {
  const device = ["[Interface]", `PrivateKey = ${privateKey}`, `ListenPort = ${MESH_PORT}`];
  const others = peers.flatMap((peer) => [
    "[Peer]",
    `PublicKey = ${peer.publicKey}`,
    ...endpoint(peer, endpointOf).map((at) => `Endpoint = ${at}`),
    `AllowedIPs = ${peer.prefixes.join(", ")}`,
    `PersistentKeepalive = ${KEEPALIVE_SECONDS}`,
  ]);
  return `${[...device, ...others].join("\n")}\n`;
}

/** One peer, as `wg set` takes it: nothing of it is secret. */
export function peerArguments(peer: MeshPeer, endpointOf: EndpointOf): readonly string[] {
  const { publicKey, prefixes } = peer;
  return [
    ...["peer", publicKey, ...endpoint(peer, endpointOf).flatMap((at) => ["endpoint", at])],
    ...["persistent-keepalive", String(KEEPALIVE_SECONDS), "allowed-ips", prefixes.join(",")],
  ];
}

function endpoint(peer: MeshPeer, endpointOf: EndpointOf): readonly string[] {
  const address = endpointOf(peer);
  return address === undefined ? [] : [joinHostPort(address, MESH_PORT)];
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
