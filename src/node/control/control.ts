// A part of the control plane that runs while enrolment wants it: its wishes and
// its news, and the runnable around it.
import { Value } from "../../base/event/event.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";

/** Wishes and news of something that runs with settings `T`, or does not run. */
export class Control<T> {
  /** What should run; null: nothing. */
  readonly wanted = new Value<T | null>(null);
  /** What runs and answers; null: nothing. */
  readonly running = new Value<T | null>(null);

  /** Asks for it and waits until it answers. */
  async start(settings: T, signal: AbortSignal): Promise<void> {
    this.wanted.set(settings);
    await this.running.first(signal, (running) => running === settings);
  }

  /** Asks for nothing and waits until it has ended. */
  async stop(signal: AbortSignal): Promise<void> {
    this.wanted.set(null);
    await this.running.first(signal, (running) => running === null);
  }
}

/** Not a failure: something else is wanted now, or nothing. */
class UnwantedError extends Error {
  override readonly name = "UnwantedError";
}

/** Ends when `settings` are no longer what is wanted. */
async function untilUnwanted<T>(control: Control<T>, settings: T, signal: AbortSignal) {
  await control.wanted.first(signal, (wanted) => wanted !== settings);
}

/**
 * A runnable that waits for a wish and then does `work`, which has to set `running`, and say
 * that it is healthy, once it answers. When the wish changes, the signal of the work aborts and
 * the next wish is served.
 */
export function whileWanted<T>(
  control: Control<T>,
  work: (settings: T, context: Context) => Promise<void>,
): Runnable {
  return async (context) => {
    // Health may be signalled once, and there may be many wishes. It is left to the work, or a
    // program that dies right after its start would be started again without ever a pause.
    const healthy = once(context.healthy);
    for (;;) {
      const settings = await control.wanted.first(context.signal, (wanted) => wanted !== null);
      if (settings !== null) await serve(control, settings, work, { ...context, healthy });
    }
  };
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

async function serve<T>(
  control: Control<T>,
  settings: T,
  work: (settings: T, context: Context) => Promise<void>,
  context: Context,
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  // The wait for wishes never ends, whatever the work says.
  const working = work(settings, { ...context, signal, done: () => {} });
  try {
    // Work that is done stays done for as long as the wish is the same.
    const finished = working.then(() => untilUnwanted(control, settings, signal));
    await Promise.race([finished, untilUnwanted(control, settings, signal)]);
  } finally {
    ended.abort(new UnwantedError("no longer wanted"));
    await Promise.allSettled([working]);
    control.running.set(null);
  }
}

/** One of several things that are done at the same time. */
export type Part = (signal: AbortSignal) => Promise<void>;

/** Does all parts at once; when one fails, the others are ended before its error is thrown. */
export function together(signal: AbortSignal, parts: readonly Part[]): Promise<void> {
  return ended(signal, parts, (running) => Promise.all(running));
}

/** Runs parts until the first of them ends, then ends the others. Throws what it throws. */
export function untilFirst(signal: AbortSignal, parts: readonly Part[]): Promise<void> {
  return ended(signal, parts, (running) => Promise.race(running));
}

/** Runs parts for as long as `until` says, and waits until all have ended. */
async function ended(
  signal: AbortSignal,
  parts: readonly Part[],
  until: (running: readonly Promise<void>[]) => Promise<unknown>,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const running = parts.map((part) => part(either));
  try {
    await until(running);
  } finally {
    over.abort(new UnwantedError("another part has ended"));
    await Promise.allSettled(running);
  }
}
