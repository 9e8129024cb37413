// The encrypted network between nodes: a WireGuard device to which every other node
// that has published a key is a peer.
//
//   key file ──► public key, own address ──► UpdateNodeClusterNetworking ──► cluster
//   cluster ──► keys and prefixes of others ──► plan ──► wg syncconf clusternet
//
// Packets for the cluster network go through it. The control plane does not: its
// connections prove and encrypt themselves, and a node whose key the others do not know
// yet must be able to tell it.
import { sleep, type Value } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { podNetworks } from "../../image/image.ts";
import { together } from "../control/control.ts";
import { applyPeers } from "./apply-peers.ts";
import { createDevice, handshakes, peerTools } from "./device.ts";
import { ensureMeshKey, type MeshKey } from "./mesh-key.ts";
import { type MeshPeer, type OwnPart, planPeers, unreachable } from "./peers.ts";
import { publish, type Told } from "./publish.ts";
import { RefusalLog } from "./refusal-log.ts";

export type { MeshPeer } from "./peers.ts";
export { meshPeers } from "./peers.ts";

/** What a node's part in the network is made of. */
export interface MeshOptions {
  readonly nodeId: string;
  /** The cluster's CA, DER. */
  readonly clusterCa: Uint8Array;
  readonly curator: Client<typeof Curator>;
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
    await together(signal, [
      (ended) => publish(options, key.publicKey, { ...context, signal: ended }),
      (ended) => follow(options, key, { ...context, signal: ended }),
      (ended) => watchHandshakes(options, { ...context, signal: ended }),
      (ended) => noteUnreachable(options, ended),
    ]);
  };
}

/** Keeps the device's peers as the cluster tells; a node that is gone is no peer any more. */
async function follow(
  { nodeId, peers, addresses, told }: MeshOptions,
  key: MeshKey,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const tools = peerTools(key, () => addresses.current ?? []);
  const refusals = new RefusalLog(() => performance.now());
  let known = "";
  let present: readonly MeshPeer[] = [];
  for await (const all of peers.watch(signal)) {
    const own = ownPart({ nodeId, addresses, told }, key.publicKey);
    const plan = planPeers(all, own, present);
    const failed = await applyPeers(tools, plan.peers);
    for (const line of refusals.lines(new Map([...plan.refused, ...failed]))) log.warning(line);
    present = plan.peers.filter(({ id }) => !failed.has(id));
    const text = present.map(({ id }) => id).join(", ");
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

/** Says which peers have answered, once each time that they begin to. */
async function watchHandshakes(
  { peers }: MeshOptions,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const reached = new Set<string>();
  for (;;) {
    const fresh = await handshakes().catch((error: unknown) => {
      log.warning(errorText(error));
      return new Set<string>();
    });
    for (const { id, publicKey } of peers.current ?? []) {
      if (!fresh.has(publicKey)) reached.delete(id);
      else if (!reached.has(id)) {
        log.info(`Reaching ${id}`);
        reached.add(id);
      }
    }
    await sleep(LOOK_MS, signal);
  }
}
