// Room for a leader where the database is full: etcd looks at what it may have when it starts,
// and gets a little more then; see config.ts. Where nobody leads although etcd runs, and it has
// filled up since its start, it is started again.
import { sleep, type Value } from "../../base/event/event.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Control } from "../control/control.ts";
import { isFull, type Member } from "./config.ts";

/** How the room is watched, in milliseconds. */
export interface ReserveTiming {
  readonly lookMs: number;
  /** How long nobody may lead. */
  readonly patienceMs: number;
  /** Between two starts. */
  readonly restMs: number;
}

const usualTiming: ReserveTiming = { lookMs: 5_000, patienceMs: 20_000, restMs: 600_000 };

/** Starts etcd again where that may let a leader be elected; `isReached` tells of one. */
export function reserve(
  { running, wanted }: Control<Member>,
  isReached: Value<boolean>,
  { lookMs, patienceMs, restMs }: ReserveTiming = usualTiming,
  isFullNow = isFull,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    let ledAt = performance.now();
    for (let nextAt = 0; ; await sleep(lookMs, signal)) {
      const now = performance.now();
      const member = running.current ?? undefined;
      if (isReached.current === true || member === undefined) ledAt = now;
      if (member === undefined || now - ledAt < patienceMs || now < nextAt) continue;
      if (!isFullNow(member)) continue;
      nextAt = now + restMs;
      log.warning("The database is full and nobody leads: starting etcd again with some room");
      // Another object is another wish.
      wanted.set({ ...member });
    }
  };
}
