// A supervisor for tests: real in all but its clock, which stands still until
// the test lets the pauses pass, and its chance, which is always the middle.
import { within } from "../event/event.ts";
import type { Runnable } from "./context.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

/** Rounds of the event loop after which nothing that needs no clock is still to happen. */
const QUIET_ROUNDS = 12;

/** How long stopping may take before a test fails with the names of those that hang. */
const STOP_MS = 2_000;

/** Waits until the signal aborts, and throws its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return within(Promise.withResolvers<never>().promise, signal);
}

/** Lets the event loop go round once; quicker than any timer. */
export function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

/** Runs `root`; leave it through `await using`, which stops it. */
export function testSupervisor(root: Runnable, options: SupervisorOptions = {}) {
  const tested = new TestSupervisor(root, options);
  tested.start();
  return tested;
}

class TestSupervisor extends Supervisor implements AsyncDisposable {
  /** All pauses so far, in milliseconds. */
  readonly pauses: number[];
  readonly #waiting: Set<() => void>;

  constructor(root: Runnable, options: SupervisorOptions) {
    const pauses: number[] = [];
    const waiting = new Set<() => void>();
    const pause = async (ms: number, signal: AbortSignal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      pauses.push(ms);
      waiting.add(resolve);
      await within(promise, signal);
    };
    super(root, { random: () => 0.5, sleep: pause, ...options });
    this.pauses = pauses;
    this.#waiting = waiting;
  }

  /** Waits until nothing happens any more that needs no time to pass. */
  async quiet(): Promise<void> {
    for (let round = 0; round < QUIET_ROUNDS; round += 1) await turn();
  }

  /** Lets all pauses pass that have begun, and what follows from it happen. */
  async pass(): Promise<void> {
    await this.quiet();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
    await this.quiet();
  }

  override stop(timeoutMs = STOP_MS): Promise<void> {
    return super.stop(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
