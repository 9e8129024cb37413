// The store as a leader uses it: every write is guarded by the leadership that
// it was decided under, so that a leader who was replaced without noticing
// changes nothing.
import type { Compare, KeyValue, Listing, Outcome, Store, Write } from "../../base/etcd/etcd.ts";
import { afterRunning, SharedRun } from "../../base/event/event.ts";
import { slowness } from "../../base/linux/machine.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { DatabaseQuota, isNoSpace } from "./database-quota.ts";
import { GroupCommit } from "./group-commit.ts";

/** The key that makes its holder the leader, while it exists. */
export interface LeaderKey {
  readonly key: string;
  /** Tells this leadership from others under the same key. */
  readonly createRevision: bigint;
}

/** Reads and guarded writes. All failures are RpcErrors for the caller to see. */
export class LeaderStore {
  readonly #store: Store;
  readonly #leader: LeaderKey;
  readonly #quota: DatabaseQuota;
  readonly #commits: GroupCommit;
  /** Under way, by key. */
  readonly #reads = new Map<string, SharedRun<KeyValue | undefined>>();

  constructor(store: Store, leader: LeaderKey, quota: DatabaseQuota = new DatabaseQuota()) {
    this.#store = store;
    this.#leader = leader;
    this.#quota = quota;
    const { key, createRevision } = leader;
    this.#commits = new GroupCommit((compares, writes) =>
      reached(store.transact([{ key, createRevision }, ...compares], writes)),
    );
  }

  /** One key, as of now. Those who ask for it while it is read share what is read next. */
  get(key: string): Promise<KeyValue | undefined> {
    const shared = this.#reads.get(key) ?? new SharedRun(() => reached(this.#store.get(key)));
    this.#reads.set(key, shared);
    const forget = () => {
      if (shared.isIdle && this.#reads.get(key) === shared) this.#reads.delete(key);
    };
    const item = shared.run();
    item.then(forget, forget);
    return item;
  }

  /** All keys below a prefix, as of now. */
  range(prefix: string): Promise<Listing> {
    return reached(this.#store.range(prefix));
  }

  /**
   * Does all writes, if this is still the leader and `compares` hold. Gives the
   * revision. Throws unavailable otherwise: the caller may try again; resourceExhausted where
   * the database has no room for them. With `isUpkeep` they are done even where it is full:
   * for records that are bounded, and that deleting needs.
   */
  async commit(
    writes: readonly Write[],
    compares: readonly Compare[] = [],
    { isUpkeep = false }: { readonly isUpkeep?: boolean } = {},
  ): Promise<bigint> {
    if (!isUpkeep) await this.#quota.require(writes, this);
    const outcome = await this.#transact(compares, writes);
    if (outcome.succeeded) {
      this.#quota.wrote(writes);
      return outcome.revision;
    }
    await this.confirm();
    throw new RpcError(Code.unavailable, "the state was changed meanwhile");
  }

  async #transact(compares: readonly Compare[], writes: readonly Write[]): Promise<Outcome> {
    try {
      return await this.#commits.transact(compares, writes);
    } catch (error) {
      throw isNoSpace(error) ? this.#quota.fullError(error) : error;
    }
  }

  /** Returns if this was the leader after the call began; throws unavailable otherwise. */
  async confirm(): Promise<void> {
    const held = await this.get(this.#leader.key);
    if (held?.createRevision === this.#leader.createRevision) return;
    throw new RpcError(Code.unavailable, "leadership lost");
  }
}

/**
 * A request that was on its way to a member that died is answered only after many seconds.
 * Whoever asked tries again, and finds the next leader of etcd.
 */
const LOST_MS = 2_000;

/** Turns failures of etcd into unavailable: they are not what our caller did wrong. */
export async function reached<T>(result: Promise<T>): Promise<T> {
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const error = new RpcError(Code.unavailable, "it does not answer, and may be electing");
  const callOff = afterRunning(LOST_MS * slowness(), () => reject(error));
  try {
    return await Promise.race([result, lost]);
  } catch (cause) {
    // Waiting for the next leader would not help.
    if (!(cause instanceof RpcError) || isNoSpace(cause)) throw cause;
    throw new RpcError(Code.unavailable, `consensus: ${cause.message}`, { cause });
  } finally {
    callOff();
  }
}
