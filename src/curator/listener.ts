// The port that the network sees. It opens when the node says that all it
// promises there is on the disk, and opens anew when this member starts or
// ceases to lead: clients lose their connections and find the new leader.
import type { Store } from "../base/etcd/etcd.ts";
import type { Value } from "../base/event/event.ts";
import { allAddresses } from "../base/format/reached.ts";
import {
  isReplaced,
  KnownOrigins,
  noUserOf,
  originOf,
  type ServeOptions,
  type Server,
  type ServerTls,
  serve,
} from "../base/rpc/rpc.ts";
import type { Context, Runnable } from "../base/supervisor/supervisor.ts";
import { authorizeMember, isKnownTo } from "./authorize.ts";
import { readCredentials } from "./credentials.ts";
import type { LeaderAddress } from "./local/get-current-leader.ts";
import { leaderServices, localServices } from "./services.ts";
import type { CredentialFiles } from "./settings.ts";
import type { Consensus } from "./state/consensus.ts";
import type { DatabaseQuota } from "./state/database-quota.ts";
import type { Leader } from "./state/leader.ts";
import type { NodeCache } from "./state/node-cache.ts";

/** How long an election may take before the port opens all the same. */
const PATIENCE_MS = 2_000;

/** What the port is opened with. */
export interface ListenerParts {
  readonly self: string;
  readonly store: Store;
  readonly nodes: NodeCache;
  /** The public key of the cluster's owner. */
  readonly owner: Value<Uint8Array>;
  readonly consensus: Pick<Consensus, "list">;
  readonly quota: DatabaseQuota;
  readonly credentials: CredentialFiles;
  readonly listen: { readonly host: string; readonly port: number };
  readonly address: Value<LeaderAddress | undefined>;
  readonly leading: Value<Leader | undefined>;
}

/** Serves the network once `opened` is true; `port` is where, undefined while closed. */
export function listener(
  parts: ListenerParts,
  opened: Value<boolean>,
  port: Value<number | undefined>,
): Runnable {
  return async (context) => {
    const { signal, log, healthy } = context;
    port.set(undefined);
    await opened.first(signal, (isOpen) => isOpen);
    const { ca, ...first } = await readCredentials(parts.credentials);
    let tls: ServerTls = first;
    const local = localServices({ ...parts, ca });
    await leaderKnown(parts, signal);
    healthy();
    let server: Server | undefined;
    // Outlives a server: when the leader changes all members dial at the same time.
    const knownOrigins = new KnownOrigins();
    const watching = Promise.all([
      heedNodes(parts.nodes, knownOrigins, () => server, signal),
      revokeReplaced(parts.owner, () => server, signal),
      whenOpened(opened, signal, async () => {
        tls = await readCredentials(parts.credentials);
        server?.reload(tls);
      }),
    ]);
    try {
      for await (const leader of parts.leading.watch(signal)) {
        port.set(undefined);
        await server?.close(0);
        server = await serve({
          services: leader === undefined ? local : [...local, ...leaderServices(leader)],
          authorize: authorizeMember(ca, parts.nodes, parts.owner),
          isMember: isKnownTo(ca, parts.nodes, parts.owner),
          isNode: noUserOf(() => ca),
          knownOrigins,
          listen: parts.listen,
          tls,
          onError: logFailure(context),
        });
        log.info(`Serving as ${leader === undefined ? "follower" : "leader"} at ${server.port}`);
        port.set(server.port);
      }
    } finally {
      port.set(undefined);
      await server?.close(0);
      await watching;
    }
  };
}

/**
 * Ends whatever nodes have open that are deleted; new calls of theirs are refused anyway. The
 * addresses of all others are those of members, before the first of them has dialled.
 */
async function heedNodes(
  nodes: NodeCache,
  knownOrigins: KnownOrigins,
  server: () => Server | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { nodes: changed, gone } of nodes.watch(undefined, signal)) {
      for (const { node } of changed) {
        const addresses = allAddresses(node.status);
        for (const address of addresses) knownOrigins.note(originOf(address));
      }
      if (gone.length === 0) continue;
      server()?.revoke((peer) => peer.kind === "node" && gone.includes(peer.id));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Ends whatever is open under a key that was the owner's; new calls are refused anyway. */
async function revokeReplaced(
  owner: Value<Uint8Array>,
  server: () => Server | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const key of owner.watch(signal)) server()?.revoke((peer) => isReplaced(peer, key));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The node opens the port again when it has another certificate. */
async function whenOpened(
  opened: Value<boolean>,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  try {
    for await (const isOpen of opened.watch(signal)) if (isOpen) await work();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * Waits, but not for ever, until it is known who leads: a member that opened as a follower and
 * is elected a moment later would drop its first callers, in a cluster of one at every start.
 */
async function leaderKnown({ leading, address, owner, self }: ListenerParts, signal: AbortSignal) {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    // Until then the owner would be a stranger.
    await owner.first(patience);
    await Promise.race([
      leading.first(patience, (leader) => leader !== undefined),
      address.first(patience, (leader) => leader !== undefined && leader.id !== self),
    ]);
  } catch {
    signal.throwIfAborted();
  }
}

/** Tells of failures that the caller only sees as an internal error. */
export function logFailure({ log }: Pick<Context, "log">): NonNullable<ServeOptions["onError"]> {
  return (method, error) => log.error(`${method.name} failed: ${error}`);
}
