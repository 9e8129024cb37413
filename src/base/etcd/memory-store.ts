// A store in memory, for tests: small, but it keeps etcd's rules, and a
// property test holds both to the same answers.
import { Code, RpcError } from "../rpc/rpc.ts";
import {
  CompactedError,
  type Compare,
  type EventBatch,
  type KeyValue,
  type Outcome,
  type ReadOptions,
  type Store,
  type StoreEvent,
  type Write,
} from "./store.ts";

/** Most writes etcd takes in one transaction. */
export const MAX_TRANSACTION_WRITES = 128;

interface Lease {
  readonly keys: Set<string>;
  readonly ttlSeconds: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** A new, empty store. */
export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  #revision = 1n;
  #compacted = 0n;
  readonly #items = new Map<string, KeyValue>();
  /** Every change since the beginning, for reading the past and for watchers. */
  readonly #history: EventBatch[] = [];
  readonly #leases = new Map<bigint, Lease>();
  #nextLease = 1n;
  readonly #watchers = new Set<() => void>();

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    const item = this.#at(options.revision).get(key);
    return item !== undefined && options.keysOnly ? withoutValue(item) : item;
  }

  async range(prefix: string, options: ReadOptions = {}) {
    const { revision, limit, keysOnly } = options;
    const items = [...this.#at(revision).values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort(byKey)
      .slice(0, limit ? limit : undefined)
      .map((item) => (keysOnly ? withoutValue(item) : item));
    return { revision: this.#revision, items };
  }

  /** All keys as they stood at a revision. */
  #at(revision = 0n): ReadonlyMap<string, KeyValue> {
    if (revision === 0n || revision === this.#revision) return this.#items;
    if (revision > this.#revision) {
      throw new RpcError(
        Code.outOfRange,
        "etcdserver: mvcc: required revision is a future revision",
      );
    }
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
    const past = new Map<string, KeyValue>();
    for (const batch of this.#history) {
      if (batch.revision > revision) break;
      for (const event of batch.events) apply(past, event);
    }
    return past;
  }

  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<Outcome> {
    checkWrites(writes);
    if (!compares.every((compare) => holds(compare, this.#items.get(compare.key)))) {
      return { succeeded: false, revision: this.#revision };
    }
    this.#checkLeases(writes);
    this.#commit(writes);
    return { succeeded: true, revision: this.#revision };
  }

  async put(key: string, value: Uint8Array, lease?: bigint): Promise<bigint> {
    return (await this.transact([], [{ put: key, value, lease }])).revision;
  }

  async delete(key: string): Promise<bigint> {
    return (await this.transact([], [{ delete: key }])).revision;
  }

  #checkLeases(writes: readonly Write[]): void {
    for (const write of writes) {
      if ("put" in write && write.lease && !this.#leases.has(write.lease)) throw leaseNotFound();
    }
  }

  /** Does the writes as one change; without effect there is no new revision. */
  #commit(writes: readonly Write[]): void {
    const revision = this.#revision + 1n;
    const events: StoreEvent[] = [];
    for (const write of writes) {
      for (const event of this.#eventsOf(write, revision)) {
        this.#bind(event);
        apply(this.#items, event);
        events.push(event);
      }
    }
    if (events.length === 0) return;
    this.#revision = revision;
    this.#history.push({ revision, events });
    for (const wake of this.#watchers) wake();
  }

  #eventsOf(write: Write, revision: bigint): readonly StoreEvent[] {
    if ("put" in write) {
      const before = this.#items.get(write.put);
      const item = {
        key: write.put,
        // A copy: who put it may go on writing into his array.
        value: write.value.slice(),
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
        version: (before?.version ?? 0n) + 1n,
        lease: write.lease ?? 0n,
      };
      return [{ kind: "put", key: write.put, item }];
    }
    const keys =
      "delete" in write
        ? [write.delete].filter((key) => this.#items.has(key))
        : [...this.#items.keys()].filter((key) => key.startsWith(write.deletePrefix)).sort(byText);
    return keys.map((key) => ({ kind: "delete", key, revision }));
  }

  /** Moves a key from the lease it had to the one it gets. */
  #bind(event: StoreEvent): void {
    const before = this.#items.get(event.key);
    if (before !== undefined) this.#leases.get(before.lease)?.keys.delete(event.key);
    if (event.kind === "put") this.#leases.get(event.item.lease)?.keys.add(event.key);
  }

  async *watch(
    prefix: string,
    from: bigint | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<EventBatch> {
    // Asked for "from now", now is the first read, not the first event.
    let next = from || this.#revision + 1n;
    for (;;) {
      signal.throwIfAborted();
      if (next < this.#compacted) throw new CompactedError(this.#compacted);
      // The first change made revision 2, and each made the next: no search needed.
      const due = this.#history.slice(Math.max(0, Number(next) - 2));
      for (const { revision, events } of due) {
        const wanted = events.filter(({ key }) => key.startsWith(prefix));
        next = revision + 1n;
        if (wanted.length > 0) yield { revision, events: wanted };
      }
      if (next > this.#revision) await this.#change(signal);
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#watchers.add(wake);
    signal.addEventListener("abort", wake);
    await promise;
    signal.removeEventListener("abort", wake);
    this.#watchers.delete(wake);
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    const id = this.#nextLease++;
    this.#leases.set(id, { keys: new Set(), ttlSeconds, timer: undefined });
    this.#wind(id);
    return id;
  }

  #wind(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    clearTimeout(lease.timer);
    lease.timer = setTimeout(() => this.#endLease(id), lease.ttlSeconds * 1_000);
    lease.timer.unref();
  }

  #endLease(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    clearTimeout(lease.timer);
    this.#commit([...lease.keys].sort(byText).map((key) => ({ delete: key })));
    this.#leases.delete(id);
  }

  async keepAlive(id: bigint): Promise<number> {
    this.#wind(id);
    return this.#leases.get(id)?.ttlSeconds ?? 0;
  }

  async revokeLease(id: bigint): Promise<void> {
    if (!this.#leases.has(id)) throw leaseNotFound();
    this.#endLease(id);
  }

  async compact(revision: bigint): Promise<void> {
    if (revision > this.#revision) {
      throw new RpcError(
        Code.outOfRange,
        "etcdserver: mvcc: required revision is a future revision",
      );
    }
    if (revision <= this.#compacted) throw new CompactedError(this.#compacted);
    this.#compacted = revision;
    for (const wake of this.#watchers) wake();
  }
}

function apply(items: Map<string, KeyValue>, event: StoreEvent): void {
  if (event.kind === "put") items.set(event.key, event.item);
  else items.delete(event.key);
}

function holds(compare: Compare, item: KeyValue | undefined): boolean {
  if ("createRevision" in compare) return compare.createRevision === (item?.createRevision ?? 0n);
  if ("modRevision" in compare) return compare.modRevision === (item?.modRevision ?? 0n);
  if ("version" in compare) return compare.version === (item?.version ?? 0n);
  return item !== undefined && Buffer.compare(item.value, compare.value) === 0;
}

function checkWrites(writes: readonly Write[]): void {
  if (writes.length > MAX_TRANSACTION_WRITES) {
    throw new RpcError(Code.invalidArgument, "etcdserver: too many operations in txn request");
  }
  const puts = writes.flatMap((write) => ("put" in write ? [write.put] : []));
  const isDeleted = (key: string) =>
    writes.some(
      (write) =>
        ("delete" in write && write.delete === key) ||
        ("deletePrefix" in write && key.startsWith(write.deletePrefix)),
    );
  if (new Set(puts).size < puts.length || puts.some(isDeleted)) {
    throw new RpcError(Code.invalidArgument, "etcdserver: duplicate key given in txn request");
  }
}

function leaseNotFound(): RpcError {
  return new RpcError(Code.notFound, "etcdserver: requested lease not found");
}

function withoutValue(item: KeyValue): KeyValue {
  return { ...item, value: new Uint8Array() };
}

function byKey(one: KeyValue, other: KeyValue): number {
  return byText(one.key, other.key);
}

/** The order of etcd, that of the bytes in UTF-8. */
function byText(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
