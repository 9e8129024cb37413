// The encrypted network between nodes: a WireGuard device to which every other node
// that has published a key is a peer.
//
//   key file ──► public key, own address ──► UpdateNodeClusterNetworking ──► cluster
//   cluster ──► keys and prefixes of others ──► plan ──► wg syncconf clusternet
//   wg show clusternet ──► who has answered ──► endpoints ──► wg set clusternet
//
// Packets for the cluster network go through it. The control plane does not: its
// connections prove and encrypt themselves, and a node whose key the others do not know
// yet must be able to tell it.
import { Lock, sleep, type Value } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { podNetworks } from "../../image/image.ts";
import { together } from "../control/control.ts";
import { applyPeers, type PeerTools } from "./apply-peers.ts";
import { createDevice, handshakes, peerTools } from "./device.ts";
import { Endpoints, type Redial } from "./endpoints.ts";
import { ensureMeshKey, type MeshKey } from "./mesh-key.ts";
import { type MeshPeer, type OwnPart, planPeers, unreachable } from "./peers.ts";
import { type PublishOptions, publish, type Told } from "./publish.ts";
import { RefusalLog } from "./refusal-log.ts";

export type { MeshPeer } from "./peers.ts";
export { meshPeers } from "./peers.ts";

/** What a node's part in the network is made of. */
export interface MeshOptions {
  readonly nodeId: string;
  /** The cluster's CA, DER. */
  readonly clusterCa: Uint8Array;
  readonly curator: PublishOptions["curator"];
  /** The node's addresses, best first. */
  readonly addresses: Value<readonly string[]>;
  readonly told: Told;
  /** All nodes that take part, as the cluster tells. */
  readonly peers: Value<readonly MeshPeer[]>;
  /** Takes what an operator is to know of. */
  readonly note: (sentences: readonly string[]) => void;
  /** Where the private key lies. */
  readonly keyFile: string;
}

const LOOK_MS = 2_000;
/** What others say of themselves costs the cluster a status of this node no oftener. */
const NOTE_MS = 60_000;

/** Takes part in the network for as long as it runs. */
export function mesh(options: MeshOptions): Runnable {
  return async (context) => {
    const { signal, healthy } = context;
    const key = await ensureMeshKey(options.keyFile);
    await createDevice(key, podNetworks(options.clusterCa));
    healthy();
    const device = new Device(options, key);
    await together(signal, [
      (ended) => publish(options, key.publicKey, { ...context, signal: ended }),
      (ended) => follow(options, key.publicKey, device, { ...context, signal: ended }),
      (ended) => watchHandshakes(options, device, { ...context, signal: ended }),
      (ended) => noteUnreachable(options, ended),
    ]);
  };
}

/** The peers of the device, and where they are dialled. */
class Device {
  /** Those that it has. */
  present: readonly MeshPeer[] = [];
  readonly #endpoints: Endpoints;
  readonly #tools: PeerTools;
  /** Its peers: a node that is deleted must not come back because it is dialled elsewhere. */
  readonly #peers = new Lock();

  constructor({ addresses }: MeshOptions, key: MeshKey) {
    const own = () => addresses.current ?? [];
    this.#endpoints = new Endpoints(own, () => performance.now());
    this.#tools = peerTools(key, (peer) => this.#endpoints.of(peer));
  }

  /** Gives it these; says by ID why some could not be. */
  async replace(peers: readonly MeshPeer[]): Promise<ReadonlyMap<string, string>> {
    return this.#peers.hold(async () => {
      const failed = await applyPeers(this.#tools, peers);
      this.present = peers.filter(({ id }) => !failed.has(id));
      this.#endpoints.retain(this.present);
      return failed;
    });
  }

  /** Dials elsewhere who answers nowhere, and gives whom, and where. */
  async redial(answering: ReadonlySet<string>): Promise<readonly Redial[]> {
    return this.#peers.hold(async () => {
      const redials = this.#endpoints.look(this.present, answering);
      for (const { peer } of redials) await this.#tools.set(peer);
      return redials;
    });
  }
}

/** Keeps the device's peers as the cluster tells; a node that is gone is no peer any more. */
async function follow(
  { nodeId, peers, addresses, told }: MeshOptions,
  publicKey: string,
  device: Device,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const refusals = new RefusalLog(() => performance.now());
  let known = "";
  for await (const all of peers.watch(signal)) {
    const own = ownPart({ nodeId, addresses, told }, publicKey);
    const plan = planPeers(all, own, device.present);
    const failed = await device.replace(plan.peers);
    for (const line of refusals.lines(new Map([...plan.refused, ...failed]))) log.warning(line);
    const text = device.present.map(({ id }) => id).join(", ");
    if (text !== known) log.info(`Peers: ${text === "" ? "none" : text}`);
    known = text;
  }
}

function ownPart({ nodeId: id, addresses, told }: Own, publicKey: string): OwnPart {
  const podRanges = told.podRanges.current ?? [];
  return { id, publicKey, addresses: addresses.current ?? [], podRanges };
}

type Own = Pick<MeshOptions, "nodeId" | "addresses" | "told">;

/** Tells of nodes that have no family of addresses in common with this one. */
async function noteUnreachable(options: MeshOptions, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await options.peers.first(signal);
      options.note(unreachable(options.peers.current ?? [], ownPart(options, "")));
      await sleep(NOTE_MS, signal);
    }
  } finally {
    options.note([]);
  }
}

/** Says which peers have answered, once each time that they begin to, and dials the others elsewhere. */
async function watchHandshakes(
  { peers }: MeshOptions,
  device: Device,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const reached = new Set<string>();
  const look = async () => {
    const fresh = await handshakes();
    for (const { id, publicKey } of peers.current ?? []) {
      if (!fresh.has(publicKey)) reached.delete(id);
      else if (!reached.has(id)) {
        log.info(`Reaching ${id}`);
        reached.add(id);
      }
    }
    for (const { peer, from, to, isNew } of await device.redial(fresh)) {
      if (isNew) log.info(`No answer of ${peer.id} at ${from}: trying ${to}`);
    }
  };
  for (;;) {
    // Peers that are reached stay so meanwhile.
    await look().catch((error: unknown) => log.warning(errorText(error)));
    await sleep(LOOK_MS, signal);
  }
}
