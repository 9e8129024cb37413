// Load, and how it is borne.
import { quantile, timed } from "../cluster/support.ts";

/** How a number of calls went. */
export interface Load {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** Calls `work` so often, a number of them at a time. */
export async function each(
  count: number,
  atOnce: number,
  work: (at: number, worker: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (number: number) => {
    for (let at = next++; at < count; at = next++) await work(at, number);
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => worker(number)));
}

/** Calls `work` so often, a number of them at a time, and measures. */
export async function load(
  count: number,
  atOnce: number,
  work: (at: number, worker: number) => Promise<unknown>,
): Promise<Load> {
  const times: number[] = [];
  const all = await timed(() =>
    each(count, atOnce, async (at, worker) => {
      times.push(await timed(() => work(at, worker)));
    }),
  );
  return {
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    perSecond: (count / all) * 1000,
  };
}
