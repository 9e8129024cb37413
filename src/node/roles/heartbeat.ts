// The heartbeat: tells the cluster that this node is alive.
import { sleep, type Value } from "../../base/event/event.ts";
import { type Client, Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";

/** How often the curator expects to hear from a node. */
const PERIOD_MS = 5_000;

/** Whether the cluster has answered, and does not want this node. */
function isRefusal(error: unknown): error is RpcError {
  return error instanceof RpcError && error.code === Code.unauthenticated;
}

function refusal({ message }: RpcError): string {
  return `The cluster refuses this node: ${message}. If it was deleted, install it again`;
}

async function* beats(signal: AbortSignal, periodMs: number) {
  for (;;) {
    yield {};
    await sleep(periodMs, signal);
  }
}

/** What the heartbeat tells the rest of the node. */
export interface HeartbeatNews {
  /** Whether the cluster answers. */
  readonly isReached: Value<boolean>;
  /** Whether the last answer was that it does not know this node by its certificate. */
  readonly isRefused: Value<boolean>;
}

/** Sends heartbeats for as long as the cluster answers them. */
export function heartbeat(
  curator: Client<typeof Curator>,
  { isReached, isRefused }: HeartbeatNews,
  periodMs = PERIOD_MS,
): Runnable {
  return async ({ signal, log, healthy }) => {
    try {
      for await (const _ of curator.heartbeat(beats(signal, periodMs), { signal })) {
        if (isReached.current === true) continue;
        isReached.set(true);
        isRefused.set(false);
        healthy();
      }
    } catch (error) {
      isRefused.set(isRefusal(error));
      if (isRefusal(error)) log.error(refusal(error));
      throw error;
    } finally {
      isReached.set(false);
    }
    // A stream that ends is for the supervisor to start again.
  };
}
