// A watch that goes on: across lost connections without missing or repeating
// anything, and with a fresh list when the history it needs is forgotten.
import { sleep } from "../event/event.ts";
import { Code, RpcError } from "../rpc/rpc.ts";
import {
  CompactedError,
  type EventBatch,
  type KeyValue,
  type Listing,
  type Store,
} from "./store.ts";

/** What a follower learns. */
export type Update =
  /** Everything there is: forget what you knew. First, and after a gap. */
  | ({ readonly kind: "list" } & Listing)
  /** What changed since. */
  | ({ readonly kind: "events" } & EventBatch);

/** How long to wait before the first and before later attempts to reconnect. */
export interface FollowOptions {
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

/** Codes that another attempt will not change. */
const hopeless: readonly Code[] = [
  Code.invalidArgument,
  Code.unauthenticated,
  Code.permissionDenied,
  Code.unimplemented,
];

/**
 * All keys below a prefix, and every change of them, until the signal aborts,
 * whose reason it then throws.
 */
export async function* follow(
  store: Store,
  prefix: string,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<Update> {
  const pause = new Backoff(options, signal);
  let next: bigint | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      if (next === undefined) {
        const listing = await store.range(prefix, { signal });
        next = listing.revision + 1n;
        pause.reset();
        yield { kind: "list", ...listing };
      }
      for await (const batch of store.watch(prefix, next, signal)) {
        next = batch.revision + 1n;
        pause.reset();
        yield { kind: "events", ...batch };
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CompactedError) next = undefined;
      else if (!(error instanceof RpcError) || hopeless.includes(error.code)) throw error;
    }
    await pause.wait();
  }
}

/** Brings a map of all keys up to date. */
export function applyUpdate(items: Map<string, KeyValue>, update: Update): void {
  if (update.kind === "list") {
    items.clear();
    for (const item of update.items) items.set(item.key, item);
    return;
  }
  for (const event of update.events) {
    if (event.kind === "put") items.set(event.key, event.item);
    else items.delete(event.key);
  }
}

class Backoff {
  readonly #min: number;
  readonly #max: number;
  readonly #signal: AbortSignal;
  #next: number;

  // etcd is on this machine; whoever waits long learns late who leads.
  constructor({ minBackoffMs = 50, maxBackoffMs = 300 }: FollowOptions, signal: AbortSignal) {
    this.#min = minBackoffMs;
    this.#max = maxBackoffMs;
    this.#signal = signal;
    this.#next = minBackoffMs;
  }

  reset(): void {
    this.#next = this.#min;
  }

  async wait(): Promise<void> {
    await sleep(this.#next, this.#signal);
    this.#next = Math.min(this.#next * 2, this.#max);
  }
}
