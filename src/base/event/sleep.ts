// Waiting for time to pass.
import { within } from "./within.ts";

/** The longest that setTimeout can wait: longer delays would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits for `ms` milliseconds, also for months; throws the reason when `signal` aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  for (let left = ms; ; left -= LONGEST_MS) {
    await timeout(Math.min(left, LONGEST_MS), signal);
    if (left <= LONGEST_MS) return;
  }
}

async function timeout(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await within(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
