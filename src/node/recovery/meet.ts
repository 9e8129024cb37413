// Meeting the other members where they are now: each proves its join key, and says itself where
// it is. Done for as long as no leader is reached, and now and then else, for one that comes
// back and knows the addresses of before.
import { sleep, type Value } from "../../base/event/event.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, privateKeyPem } from "../../base/pki/keys.ts";
import { connect, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import { requireKey } from "./gather.ts";
import type { Lock } from "./lock.ts";

const PAUSE_MS = 1_000;
/** While a leader answers. */
const IDLE_MS = 15_000;
const CALL_MS = 5_000;
/** Who was met is not asked again before this: while others are missed, and else. */
const NEWS_MS = 3_000;
const FRESH_MS = 30_000;
/** No more others are taken in from one answer. */
const MOST_OTHERS = 16;
/** As many as a node may publish. */
const MOST_ADDRESSES = 8;

/** Who meets whom. */
export interface Meeting {
  readonly lock: Value<Lock>;
  readonly isReached: Value<boolean>;
  /** The addresses of this node, best first. */
  readonly addresses: Value<readonly string[]>;
  readonly whereabouts: Whereabouts;
}

/** What a member knows another one by. */
export type Peer = Lock["epochs"][number]["epoch"]["peers"][number];

/** All members of the epochs of a lock, without this node. */
export function peersOf({ epochs }: Pick<Lock, "epochs">): readonly Peer[] {
  const all = epochs.flatMap(({ epoch }) => epoch.peers);
  return [...new Map(all.map((peer) => [peer.nodeId, peer])).values()];
}

/** Looks for the members where they may be; each serves recovery at the port. */
export function meetings(meeting: Meeting, port: number): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    const { lock, isReached, whereabouts } = meeting;
    const metAt = new Map<string, number>();
    for (;;) {
      const present = await lock.first(signal);
      const peers = peersOf(present);
      whereabouts.expect(peers.map(({ nodeId }) => nodeId));
      const freshMs = peers.every(({ nodeId }) => metAt.has(nodeId)) ? FRESH_MS : NEWS_MS;
      const isDue = ({ nodeId }: Peer) =>
        performance.now() - (metAt.get(nodeId) ?? Number.NEGATIVE_INFINITY) > freshMs;
      await Promise.all(
        peers.filter(isDue).map(async (peer) => {
          const hosts = await meet(present, peer, meeting, port, signal);
          if (hosts.length === 0) return void metAt.delete(peer.nodeId);
          metAt.set(peer.nodeId, performance.now());
          const isNews = whereabouts.prove(peer.nodeId, hosts);
          if (isNews) log.info(`Met ${peer.nodeId} at ${hosts.join(", ")}`);
        }),
      );
      await sleep(isReached.current === true ? IDLE_MS : PAUSE_MS, signal);
    }
  };
}

/** The addresses at which a member is, out of those at which it may be. */
async function meet(
  lock: Lock,
  peer: Peer,
  meeting: Meeting,
  port: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { whereabouts } = meeting;
  const candidates = whereabouts.candidates(peer.nodeId);
  const found = await Promise.all(
    candidates.map(async (host) => {
      const said = await ask(lock, peer, meeting, joinHostPort(host, port), signal);
      // Who proves himself and is elsewhere is looked for there: this is somebody's relay.
      for (const address of said) whereabouts.hint({ nodeId: peer.nodeId, address });
      return said.includes(host) ? [host] : [];
    }),
  );
  return found.flat();
}

/** Where a member says that it is, once it has proved itself. */
async function ask(
  { join }: Lock,
  { nodeId, joinPublicKey }: Peer,
  { addresses, whereabouts }: Meeting,
  target: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tls = {
    keyPem: privateKeyPem(join),
    certificatePem: certificatePem(await selfSigned(join)),
    verify: (der: Uint8Array) => requireKey(der, joinPublicKey),
  };
  using channel = connect({ target, credentials: tls, maxResponseBytes: 4_096 });
  try {
    const own = { addresses: [...(addresses.current ?? [])], others: [...whereabouts.met()] };
    const options = { signal, timeoutMs: CALL_MS };
    const { addresses: said, others } = await channel.client(Recovery).meet(own, options);
    for (const other of others.slice(0, MOST_OTHERS)) whereabouts.hint(other, nodeId);
    return said.slice(0, MOST_ADDRESSES);
  } catch (error) {
    signal.throwIfAborted();
    // It is off, or reaches its leader, or it is somebody else.
    if (error instanceof RpcError) return [];
    throw error;
  }
}
