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
/** The least between two looks: a look costs several reads of etcd, and nodes may change often. */
const PAUSE_MS = 100;

/** Does what there is to do; false where something is left. Must be safe to repeat. */
export type Settle = (leader: Leader) => Promise<boolean>;

/** Settles, while this member leads, for as long as it runs. */
export function leaderTask(leading: Value<Leader | undefined>, settle: Settle): Runnable {
  return async ({ signal, healthy, log }) => {
    healthy();
    for (;;) {
      const leader = await leading.first(signal, (each) => each !== undefined);
      if (leader === undefined) continue;
      await whileNews(leader, leading, signal, async (news, over) => {
        const isSettled = await attempt(leader, settle, log);
        await Promise.race([news, sleep(isSettled ? IDLE_MS : RETRY_MS, over)]);
      });
      await sleep(PAUSE_MS, signal);
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

/**
 * Works with `news`, which is the next change of a node or of leadership: awaited from the
 * start, so that nothing is missed that changes during the work. `over` aborts after it.
 */
async function whileNews(
  leader: Leader,
  leading: Value<Leader | undefined>,
  signal: AbortSignal,
  work: (news: Promise<unknown>, over: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const over = AbortSignal.any([signal, end.signal]);
  const waits = [leader.nodes.changed(over), leading.first(over, (each) => each !== leader)];
  // Nobody listens during the work; whoever is told to stop sees that after it.
  const news = Promise.race(waits).catch(() => undefined);
  try {
    await work(news, over);
  } finally {
    end.abort();
    await Promise.allSettled(waits);
  }
}
