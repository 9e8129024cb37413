// One leader at a time. Each candidate puts a key of its own, bound to a
// lease, below a common prefix; the oldest key leads. A leader guards each of
// its writes with `guard`, which no longer holds once its key is gone: so even
// a leader that has not yet noticed its end can do no harm.
import { sleep } from "../event/event.ts";
import { Deposer, type FailureDetector } from "./depose.ts";
import { applyUpdate, follow } from "./follow.ts";
import type { Compare, KeyValue, Store } from "./store.ts";

/** How to stand for election. */
export interface CampaignOptions {
  /** Below it the candidates' keys lie, such as `/leader/`. */
  readonly prefix: string;
  /** What others read about this candidate. */
  readonly value: Uint8Array;
  /** Without a renewal for so long the leader is taken for dead. */
  readonly ttlSeconds?: number | undefined;
  /** Ends the campaign, or the leadership that came of it. */
  readonly signal: AbortSignal;
  /**
   * Recognizes keys that an earlier life of this candidate left behind, by
   * their value; they are deleted instead of waited for.
   */
  readonly isOwn?: ((value: Uint8Array) => boolean) | undefined;
  /** Tells when the leader is dead; without it only the end of its lease does. */
  readonly detectFailure?: FailureDetector | undefined;
}

/** A won election. */
export interface Leadership {
  readonly key: string;
  /** When the key was created: grows from leader to leader. */
  readonly revision: bigint;
  /** Belongs into each transaction of the leader. */
  readonly guard: Compare;
  /** Aborts when the leadership ends, for whatever reason. */
  readonly lost: AbortSignal;
  /** Steps down at once. */
  resign(): Promise<void>;
}

/** The leadership is over. */
export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

const TTL_SECONDS = 10;

/** Waits until this candidate leads; throws the signal's reason if that comes first. */
export async function campaign(store: Store, options: CampaignOptions): Promise<Leadership> {
  const { prefix, value, signal, ttlSeconds = TTL_SECONDS, detectFailure = never } = options;
  signal.throwIfAborted();
  await deleteOwn(store, options);
  const startedAt = performance.now();
  const lease = await store.grantLease(ttlSeconds);
  const session = new Session(store, lease, ttlSeconds, startedAt, signal);
  const key = prefix + lease.toString(16);
  try {
    await store.transact([{ key, createRevision: 0n }], [{ put: key, value, lease }]);
    const revision = await becomeOldest(store, { prefix, key, detectFailure }, session.lost);
    void session.watchKey(key, revision);
    const guard = { key, createRevision: revision };
    return { key, revision, guard, lost: session.lost, resign: () => session.end("resigned") };
  } catch (error) {
    await session.end("the campaign failed");
    signal.throwIfAborted();
    throw error;
  }
}

/** The leader among the keys below a prefix. */
export function leaderOf(candidates: Iterable<KeyValue>): KeyValue | undefined {
  let oldest: KeyValue | undefined;
  for (const one of candidates) {
    if (oldest === undefined || one.createRevision < oldest.createRevision) oldest = one;
  }
  return oldest;
}

async function deleteOwn(store: Store, { prefix, isOwn }: CampaignOptions): Promise<void> {
  if (isOwn === undefined) return;
  const { items } = await store.range(prefix);
  for (const { key, value, modRevision } of items) {
    if (isOwn(value)) await store.transact([{ key, modRevision }], [{ delete: key }]);
  }
}

async function never(): Promise<void> {
  return Promise.withResolvers<never>().promise;
}

interface Candidacy {
  readonly prefix: string;
  readonly key: string;
  readonly detectFailure: FailureDetector;
}

/** Waits until no older key is left; answers when our key was created. */
async function becomeOldest(
  store: Store,
  { prefix, key, detectFailure }: Candidacy,
  signal: AbortSignal,
): Promise<bigint> {
  const candidates = new Map<string, KeyValue>();
  const deposer = new Deposer(store, detectFailure);
  try {
    for await (const update of follow(store, prefix, signal)) {
      applyUpdate(candidates, update);
      const own = candidates.get(key);
      if (own === undefined) throw new LeadershipLostError("the candidate's key is gone");
      const leader = leaderOf(candidates.values());
      if (leader?.key === key) return own.createRevision;
      deposer.watch(leader);
    }
    throw new LeadershipLostError("the watch ended");
  } finally {
    deposer.stop();
  }
}

/** A lease kept alive, until it cannot be. */
class Session {
  readonly #store: Store;
  readonly #lease: bigint;
  readonly #ttlMs: number;
  readonly #end = new AbortController();
  readonly #unlisten: () => void;

  constructor(
    store: Store,
    lease: bigint,
    ttlSeconds: number,
    startedAt: number,
    signal: AbortSignal,
  ) {
    this.#store = store;
    this.#lease = lease;
    this.#ttlMs = ttlSeconds * 1_000;
    const onAbort = () => void this.end("stopped", signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", onAbort);
    void this.#renew(startedAt);
  }

  get lost(): AbortSignal {
    return this.#end.signal;
  }

  /**
   * Renews three times per lifetime; counts from before the request, as the server may. One
   * that etcd does not answer is made again: it may have gone to a member that has died.
   */
  async #renew(grantedAt: number): Promise<void> {
    let validUntil = grantedAt + this.#ttlMs;
    while (!this.lost.aborted) {
      await sleep(Math.min(this.#ttlMs / 3, left(validUntil) / 2), this.lost).catch(() => {});
      if (this.lost.aborted) return;
      const askedAt = performance.now();
      const remaining = await Promise.race([
        this.#store.keepAlive(this.#lease).catch(() => undefined),
        sleep(Math.min(this.#ttlMs / 3, left(validUntil)), this.lost).catch(() => undefined),
      ]);
      if (remaining === 0) return this.end("the lease has ended");
      if (remaining !== undefined) validUntil = askedAt + this.#ttlMs;
      else if (performance.now() >= validUntil)
        return this.end("the lease was not renewed in time");
    }
  }

  /** Ends the session when somebody deletes its key. */
  async watchKey(key: string, revision: bigint): Promise<void> {
    try {
      for await (const update of follow(this.#store, key, this.lost)) {
        const isThere =
          update.kind === "list"
            ? update.items.some((item) => item.key === key && item.createRevision === revision)
            : !update.events.some((event) => event.key === key && event.kind === "delete");
        if (!isThere) return await this.end("the key was deleted");
      }
    } catch (error) {
      if (!this.lost.aborted) await this.end("the key cannot be watched", error);
    }
  }

  /** Gives the lease back, and with it the key. */
  async end(why: string, cause?: unknown): Promise<void> {
    if (this.lost.aborted) return;
    this.#unlisten();
    this.#end.abort(new LeadershipLostError(`leadership lost: ${why}`, { cause }));
    // If this fails the lease ends by itself, and the guard holds until then.
    await this.#store.revokeLease(this.#lease).catch(() => {});
  }
}

/** Milliseconds until then. */
function left(until: number): number {
  return Math.max(0, until - performance.now());
}
