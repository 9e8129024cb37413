// Mutexes for read-change-write on shared state. Name each for what it guards.
import { within } from "./within.ts";

/** A fair lock: those who wait get their turn in the order in which they came. */
export class Lock {
  /** Resolves when everyone who came so far is through. */
  #queue: Promise<void> = Promise.resolve();

  /**
   * Runs `work` while nobody else holds the lock, and gives its result.
   *
   * With a `signal`, the wait for the turn (not the work itself) ends when it
   * aborts. Not reentrant: holding a lock inside its own `work` waits for ever.
   */
  async hold<R>(work: () => Promise<R>, signal?: AbortSignal): Promise<R> {
    const before = this.#queue;
    const { promise: through, resolve: leave } = Promise.withResolvers<void>();
    // Whoever gives up waiting must not let the next one in before its turn.
    this.#queue = before.then(() => through);
    try {
      await within(before, signal);
      return await work();
    } finally {
      leave();
    }
  }
}

/** A lock for each of many things, by name. Names that nobody holds cost nothing. */
export class NamedLocks {
  readonly #locks = new Map<string, { readonly lock: Lock; users: number }>();

  /** Runs `work` while nobody else holds the lock of this name; see {@link Lock.hold}. */
  async hold<R>(name: string, work: () => Promise<R>, signal?: AbortSignal): Promise<R> {
    const held = this.#locks.get(name) ?? { lock: new Lock(), users: 0 };
    this.#locks.set(name, held);
    held.users++;
    try {
      return await held.lock.hold(work, signal);
    } finally {
      held.users--;
      if (held.users === 0) this.#locks.delete(name);
    }
  }
}
