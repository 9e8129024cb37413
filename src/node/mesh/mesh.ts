// The encrypted network between nodes: a WireGuard device to which every other node
// that has published a key is a peer.
//
//   key file ──► public key, own address ──► UpdateNodeClusterNetworking ──► cluster
//   cluster ──► keys and prefixes of others ──► plan ──► wg syncconf clusternet
//
// Packets for the cluster network go through it. The control plane does not: its
// connections prove and encrypt themselves, and a node whose key the others do not know
// yet must be able to tell it.
import { sleep, Value } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import { type Client, Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { together } from "../control/control.ts";
import { applyPeers } from "./apply-peers.ts";
import { createDevice, handshakes, peerTools } from "./device.ts";
import { ensureMeshKey, type MeshKey } from "./mesh-key.ts";
import { type MeshPeer, networkOf, planPeers } from "./peers.ts";
import { RefusalLog } from "./refusal-log.ts";

export type { MeshPeer } from "./peers.ts";
export { meshPeers } from "./peers.ts";

/** What a node's part in the network is made of. */
export interface MeshOptions {
  readonly nodeId: string;
  readonly curator: Client<typeof Curator>;
  /** The node's address; empty while it has none. */
  readonly address: Value<string>;
  /** What the cluster says of the node: its address, and the networks of its pods. */
  readonly told: {
    readonly address: Value<string>;
    readonly podRanges: Value<readonly string[]>;
  };
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

/** Tells the cluster the key, the address and the pod ranges, now and whenever they change. */
async function publish(
  { curator, address, told }: MeshOptions,
  { publicKey }: MeshKey,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const parts = new Value("");
  const update = () => {
    // With an address the cluster takes its network away as well: that is published anew.
    const own = told.address.current === address.current ? networkOf(address.current ?? "") : "";
    const next = own === "" ? "" : [own, ...(told.podRanges.current ?? [])].join();
    // What is published comes back as news.
    if (next !== parts.current) parts.set(next);
  };
  const follow = (source: Value<unknown>) => async (ended: AbortSignal) => {
    for await (const _ of source.watch(ended)) update();
  };
  const tell = async (ended: AbortSignal) => {
    for await (const text of parts.watch(ended)) {
      if (text === "") continue;
      const prefixes = text.split(",").map((cidr) => ({ cidr }));
      const clusternet = { wireguardPubkey: publicKey, prefixes };
      const isCurrent = () => parts.current === text;
      const call = () => curator.updateNodeClusterNetworking({ clusternet }, { signal: ended });
      await persist(call, isCurrent, { signal: ended, log });
    }
  };
  const sources = [address, told.address, told.podRanges];
  await together(signal, [...sources.map(follow), tell]);
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
    Code.alreadyExists,
    Code.resourceExhausted,
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
  { nodeId, peers, address, told }: MeshOptions,
  key: MeshKey,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const tools = peerTools(key);
  const refusals = new RefusalLog(() => performance.now());
  let known = "";
  let present: readonly MeshPeer[] = [];
  for await (const all of peers.watch(signal)) {
    const own = {
      id: nodeId,
      publicKey: key.publicKey,
      address: address.current ?? "",
      podRanges: told.podRanges.current ?? [],
    };
    const plan = planPeers(all, own, present);
    const failed = await applyPeers(tools, plan.peers);
    for (const line of refusals.lines(new Map([...plan.refused, ...failed]))) log.warning(line);
    present = plan.peers.filter(({ id }) => !failed.has(id));
    const text = present.map(({ id }) => id).join(", ");
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
