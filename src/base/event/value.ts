// A latest value that any number of watchers follow.
import { within } from "./within.ts";

/**
 * A watchable latest value: state that others want to know, such as the
 * node's roles or its address.
 *
 * Watchers see the newest value, not each one: a slow watcher skips what was
 * replaced meanwhile. There is no buffer that could grow.
 */
export class Value<T> {
  /** Boxed, so that setting an equal value again is news, and undefined is "none yet". */
  #latest: { readonly value: T } | undefined;
  /** Those who wait for the next value; a set, so that who gives up leaves nothing behind. */
  readonly #waiters = new Set<() => void>();

  /** Starts with `initial`, or with no value at all. */
  constructor(initial?: T) {
    if (initial !== undefined) this.#latest = { value: initial };
  }

  /** The newest value, undefined as long as there is none. */
  get current(): T | undefined {
    return this.#latest?.value;
  }

  /** Replaces the value and wakes all watchers. */
  set(value: T): void {
    this.#latest = { value };
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  /**
   * Gives the current value if there is one, then each newer one. Never ends
   * by itself: when `signal` aborts it throws the signal's reason.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    let seen: { readonly value: T } | undefined;
    for (;;) {
      signal.throwIfAborted();
      const latest = this.#latest;
      if (latest === undefined || latest === seen) {
        await this.#change(signal);
      } else {
        seen = latest;
        yield latest.value;
      }
    }
  }

  /** Waits for the first value, the current one included, that satisfies `matches`. */
  async first(signal: AbortSignal, matches: (value: T) => boolean = () => true): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const latest = this.#latest;
      if (latest !== undefined && matches(latest.value)) return latest.value;
      await this.#change(signal);
    }
  }

  /** Waits for the next call of set. */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    try {
      await within(promise, signal);
    } finally {
      this.#waiters.delete(resolve);
    }
  }
}
