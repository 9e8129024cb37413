// Says in the log what the node agent and its programs take of the machine while nothing is
// special: where memory that grows, or a program that never rests, shows up.
import { sleep } from "../../base/event/event.ts";
import { type ProcessUsage, processUsage } from "../../base/linux/process-usage.ts";
import { ownPids } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";

/** Starting is over by then, as a rule. */
const FIRST_MS = 60_000;
/** How long is looked at; in so much time every period of ours has come round. */
const LOOK_MS = 60_000;
const PERIOD_MS = 3_600_000;
const MIB = 2 ** 20;

/** How often to look, for how long, and at what; for tests. */
export interface UsageTimes {
  readonly firstMs: number;
  readonly lookMs: number;
  readonly pids: () => Iterable<number>;
}

const usual: UsageTimes = {
  firstMs: FIRST_MS,
  lookMs: LOOK_MS,
  pids: () => [process.pid, ...ownPids()],
};

/** Logs it a while after the start, and each hour. */
export function usage({ firstMs, lookMs, pids }: UsageTimes = usual): Runnable {
  return async ({ log, signal, healthy }) => {
    healthy();
    await sleep(firstMs, signal);
    for (;;) {
      const start = performance.now();
      const before = takenBy(pids());
      await sleep(lookMs, signal);
      const passedMs = performance.now() - start;
      for (const [pid, now] of takenBy(before.keys())) {
        const then = before.get(pid);
        if (then !== undefined) log.info(usageText(then, now, passedMs));
      }
      await sleep(PERIOD_MS - lookMs, signal);
    }
  };
}

function takenBy(pids: Iterable<number>): ReadonlyMap<number, ProcessUsage> {
  return new Map(
    [...pids].flatMap((pid) => {
      const taken = processUsage(pid);
      return taken === undefined ? [] : [[pid, taken] as const];
    }),
  );
}

/** Like `curator uses 71 MiB, and 0.8 % of a processor in the last 60 s`. */
export function usageText(then: ProcessUsage, now: ProcessUsage, passedMs: number): string {
  const memory = Math.round(now.memoryBytes / MIB);
  const share = (((now.cpuMs - then.cpuMs) / passedMs) * 100).toFixed(1);
  return `${now.name} uses ${memory} MiB, and ${share} % of a processor in the last ${(passedMs / 1_000).toFixed()} s`;
}
