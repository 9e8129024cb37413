// Work that only the leader does, and any next leader goes on with: looked at again
// whenever a node changes, and soon while something is left to do.
import { sleep, type Value } from "../base/event/event.ts";
import { Code, RpcError } from "../base/rpc/rpc.ts";
import type { Context, Runnable } from "../base/supervisor/supervisor.ts";
import type { Leader } from "./state/leader.ts";

/** How soon unfinished work is looked at again. */
const RETRY_MS = 500;
/** How often all is looked at when nothing has changed: a lost message must not matter. */
const IDLE_MS = 15_000;

/** Does what there is to do; false where something is left. Must be safe to repeat. */
export type Settle = (leader: Leader) => Promise<boolean>;

/** Settles, while this member leads, for as long as it runs. */
export function leaderTask(leading: Value<Leader | undefined>, settle: Settle): Runnable {
  return async ({ signal, healthy, log }) => {
    healthy();
    for (;;) {
      const leader = await leading.first(signal, (each) => each !== undefined);
      if (leader === undefined) continue;
      const isSettled = await attempt(leader, settle, log);
      await waitForWork(leader, leading, isSettled ? IDLE_MS : RETRY_MS, signal);
    }
  };
}

async function attempt(leader: Leader, settle: Settle, log: Context["log"]): Promise<boolean> {
  try {
    // One that was replaced without noticing must not decide on old news.
    await leader.store.confirm();
    return await settle(leader);
  } catch (error) {
    // etcd may be busy electing, or refuse what would cost it its quorum: again later.
    if (!(error instanceof RpcError)) throw error;
    if (error.code !== Code.unavailable) log.warning(error.message);
    return false;
  }
}

/** Returns at the next change of a node or of leadership, or after a while. */
async function waitForWork(
  { nodes }: Leader,
  leading: Value<Leader | undefined>,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  const present = leading.current;
  const waits: readonly Promise<unknown>[] = [
    sleep(limitMs, either),
    nodes.changed(either),
    leading.first(either, (each) => each !== present),
  ];
  try {
    await Promise.race(waits);
  } finally {
    end.abort();
    await Promise.allSettled(waits);
  }
}
