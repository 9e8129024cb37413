// Curator.Heartbeat: hears that nodes are alive.
import { sleep } from "../../base/event/event.ts";
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { callingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { BEAT_PAUSE_MS } from "../state/limits.ts";
import { findNode } from "../state/nodes.ts";

/** Notes each message, and answers it. */
export function heartbeat(leader: Leader): Handler<typeof Curator.method.heartbeat> {
  return async function* (requests, call) {
    const { id } = callingNode(call);
    for await (const _ of requests) {
      // A node that was deleted meanwhile has to hear of it.
      findNode(leader, id);
      leader.heartbeats.record(id);
      yield {};
      // Whoever beats faster than anyone needs is heard as often as this.
      await sleep(BEAT_PAUSE_MS, call.signal);
    }
  };
}
