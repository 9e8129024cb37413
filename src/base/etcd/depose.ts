// Taking the lead from a candidate that is dead, long before its lease has ended.
//
// Whoever waits its turn may delete the leader's key; the guard on every write of that
// leader then no longer holds. So a wrong guess costs a change of leaders, never a write.
import { sleep } from "../event/event.ts";
import type { KeyValue, Store } from "./store.ts";

/** Resolves once this leader is taken for dead; never, where that cannot be told. */
export type FailureDetector = (leader: KeyValue, signal: AbortSignal) => Promise<void>;

/**
 * A request that was sent on to a member that is dead is lost, and answered only much
 * later; one that is made again reaches the next.
 */
const AGAIN_MS = 300;

/** Watches whoever leads, one after the other. */
export class Deposer {
  readonly #store: Store;
  readonly #detectFailure: FailureDetector;
  #watched: KeyValue | undefined;
  #end = new AbortController();

  constructor(store: Store, detectFailure: FailureDetector) {
    this.#store = store;
    this.#detectFailure = detectFailure;
  }

  /** From now on it is this one that is watched. */
  watch(leader: KeyValue | undefined): void {
    if (leader?.key === this.#watched?.key) return;
    this.stop();
    this.#watched = leader;
    if (leader === undefined) return;
    this.#end = new AbortController();
    void this.#depose(leader, this.#end.signal);
  }

  /** Watches nobody any more. */
  stop(): void {
    this.#watched = undefined;
    this.#end.abort();
  }

  async #depose(leader: KeyValue, signal: AbortSignal): Promise<void> {
    try {
      await this.#detectFailure(leader, signal);
      while (!signal.aborted) {
        void this.#delete(leader);
        await sleep(AGAIN_MS, signal);
      }
    } catch {
      // Its lease, which nobody renews, decides in the end.
      if (!signal.aborted) this.#watched = undefined;
    }
  }

  async #delete({ key, createRevision }: KeyValue): Promise<void> {
    const writes = [{ delete: key }];
    await this.#store.transact([{ key, createRevision }], writes).catch(() => undefined);
  }
}
