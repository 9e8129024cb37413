// Another cluster of the same identity: a backup that was restored twice, or beside the cluster
// that it is of. Neither would ever hear of the other; but nodes on one link call each other, and
// one that this cluster does not know, and that has a certificate of its CA, is asked who leads.
import { sleep, type Value } from "../../base/event/event.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import { isNodeId } from "../../base/pki/node-id.ts";
import { connect, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Troubles } from "../control/troubles.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { Sighting, Whereabouts } from "../whereabouts/whereabouts.ts";
import { memberTls, present } from "./connection.ts";
import { CURATOR_PORT } from "./settings.ts";

const CALL_MS = 5_000;
const LOOK_MS = 5_000;

/** What twins are seen in. */
export interface TwinSources {
  readonly membership: Value<Credentials>;
  readonly whereabouts: Whereabouts;
  readonly troubles: Troubles;
  /** The port of curators; absent: that of a machine. */
  readonly port?: number;
  readonly lookMs?: number;
}

/** Notes a trouble for as long as somebody else leads a cluster of this one's identity. */
export function twins(sources: TwinSources): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    const { membership, whereabouts, troubles, lookMs = LOOK_MS } = sources;
    await membership.first(signal);
    // A node that was admitted a moment ago knows nobody yet, its own leader no more than others.
    await whereabouts.places.first(signal, (places) => places.size > 0);
    for (let said = ""; ; await sleep(lookMs, signal)) {
      const strangers = whereabouts.strangers.current ?? [];
      const found = await Promise.all(strangers.map((each) => twinAt(each, sources, signal)));
      const text = found.find((each) => each !== undefined);
      if (text !== undefined && text !== said) log.error(`Beware: ${text}`);
      said = text ?? "";
      troubles.note("twins", text === undefined ? [] : [text]);
    }
  };
}

/** What is wrong where a stranger follows, or is, a leader that this cluster does not know. */
async function twinAt(
  { nodeId, address }: Sighting,
  { membership, whereabouts, port = CURATOR_PORT }: TwinSources,
  signal: AbortSignal,
): Promise<string | undefined> {
  const isKnown = (id: string) => whereabouts.places.current?.has(id) === true;
  if (isKnown(nodeId)) return undefined;
  const target = joinHostPort(address, port);
  using channel = connect({ target, credentials: memberTls(present(membership), nodeId) });
  try {
    const asked = channel.client(CuratorLocal).getCurrentLeader({}, { signal, timeoutMs: CALL_MS });
    for await (const { leaderNodeId } of asked) {
      if (!isNodeId(leaderNodeId) || isKnown(leaderNodeId)) return undefined;
      return (
        `another cluster of this one's identity runs at ${address}, led by ${leaderNodeId}: ` +
        "was a backup restored twice? Switch one of the two off"
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    // It is gone, or proves nothing.
    if (!(error instanceof RpcError)) throw error;
  }
  return undefined;
}
