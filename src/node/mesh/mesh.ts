// The encrypted network between nodes: a WireGuard device to which every other node
// that has published a key is a peer.
//
//   key file ──► public key, own address ──► UpdateNodeClusterNetworking ──► cluster
//   cluster ──► keys and prefixes of others ──► wg syncconf clusternet
//
// Packets for the cluster network go through it. The control plane does not: its
// connections prove and encrypt themselves, and a node whose key the others do not know
// yet must be able to tell it.
import { sleep, type Value } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import { type Client, Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { together } from "../control/control.ts";
import { createDevice, handshakes, setPeers } from "./device.ts";
import { ensureMeshKey, type MeshKey } from "./mesh-key.ts";
import { type MeshPeer, otherPeers } from "./peers.ts";

export type { MeshPeer } from "./peers.ts";
export { meshPeers } from "./peers.ts";

/** What a node's part in the network is made of. */
export interface MeshOptions {
  readonly nodeId: string;
  readonly curator: Client<typeof Curator>;
  /** The node's address; empty while it has none. */
  readonly address: Value<string>;
  /** All nodes that take part, as the cluster tells. */
  readonly peers: Value<readonly MeshPeer[]>;
  /** Where the private key lies. */
  readonly keyFile: string;
}

const RETRY_MS = 1_000;
const LOOK_MS = 2_000;

/** Takes part in the network for as long as it runs. */
export function mesh(options: MeshOptions): Runnable {
  return async (context) => {
    const { signal, healthy } = context;
    const key = await ensureMeshKey(options.keyFile);
    await createDevice(key);
    healthy();
    await together(signal, [
      (ended) => publish(options, key, { ...context, signal: ended }),
      (ended) => follow(options, key, { ...context, signal: ended }),
      (ended) => watchHandshakes(options, { ...context, signal: ended }),
    ]);
  };
}

/** Tells the cluster the key and the address, now and whenever that changes. */
async function publish(
  { curator, address }: MeshOptions,
  { publicKey }: MeshKey,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  for await (const own of address.watch(signal)) {
    // The cluster's rules know addresses of four bytes only.
    if (!own.includes(".")) continue;
    const clusternet = { wireguardPubkey: publicKey, prefixes: [{ cidr: `${own}/32` }] };
    const isCurrent = () => address.current === own;
    const call = () => curator.updateNodeClusterNetworking({ clusternet }, { signal });
    await persist(call, isCurrent, { signal, log });
  }
}

/** The cluster refuses until the node's status has told it the same address. */
async function persist(
  call: () => Promise<unknown>,
  isCurrent: () => boolean,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const passing: readonly Code[] = [
    Code.failedPrecondition,
    Code.invalidArgument,
    Code.unavailable,
  ];
  for (let said = ""; isCurrent(); ) {
    try {
      await call();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError) || !passing.includes(error.code)) throw error;
      if (error.message !== said)
        log.info(`The cluster does not take the key yet: ${error.message}`);
      said = error.message;
    }
    await sleep(RETRY_MS, signal);
  }
}

/** Keeps the device's peers as the cluster tells; a node that is gone is no peer any more. */
async function follow(
  { nodeId, peers }: MeshOptions,
  key: MeshKey,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  let known = "";
  for await (const all of peers.watch(signal)) {
    const others = otherPeers(all, nodeId);
    const text = others.map(({ id }) => id).join(", ");
    await setPeers(key, others);
    if (text !== known) log.info(`Peers: ${text === "" ? "none" : text}`);
    known = text;
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
