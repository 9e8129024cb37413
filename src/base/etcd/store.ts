// What the house wants of a store of keys: etcd is one, memory another.
// Every change gives the whole store a new revision; readers can ask for an
// old one, and watchers get each change once, in order.

/** One key at one revision. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** When the key was last put while absent. */
  readonly createRevision: bigint;
  /** When it was last put. */
  readonly modRevision: bigint;
  /** How often it was put since its creation. */
  readonly version: bigint;
  /** The lease whose end deletes it; 0: none. */
  readonly lease: bigint;
}

/** Keys as they stand together at one revision, in order. */
export interface Listing {
  readonly revision: bigint;
  readonly items: readonly KeyValue[];
}

/** A condition on one key; for an absent key all revisions and the version are 0. */
export type Compare =
  | { readonly key: string; readonly createRevision: bigint }
  | { readonly key: string; readonly modRevision: bigint }
  | { readonly key: string; readonly version: bigint }
  | { readonly key: string; readonly value: Uint8Array };

/** A write of a transaction. No key may be put twice, nor both put and deleted. */
export type Write =
  | { readonly put: string; readonly value: Uint8Array; readonly lease?: bigint | undefined }
  | { readonly delete: string }
  | { readonly deletePrefix: string };

/** How a transaction went. */
export interface Outcome {
  /** All compares held, and all writes were done. */
  readonly succeeded: boolean;
  /** The store's revision afterwards. */
  readonly revision: bigint;
}

/** A change of one key. */
export type StoreEvent =
  | { readonly kind: "put"; readonly key: string; readonly item: KeyValue }
  | { readonly kind: "delete"; readonly key: string; readonly revision: bigint };

/** Changes that arrived together; never part of a transaction. */
export interface EventBatch {
  /** Everything up to this revision has been delivered. */
  readonly revision: bigint;
  readonly events: readonly StoreEvent[];
}

/** How to read. */
export interface ReadOptions {
  /** Read the past instead of the present; {@link CompactedError} if it is forgotten. */
  readonly revision?: bigint | undefined;
  /** Most keys to return. */
  readonly limit?: number | undefined;
  /** Read what this member has, which may be behind; a learner can do nothing else. */
  readonly isLocal?: boolean | undefined;
  /** Leave the values out. */
  readonly keysOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A store of keys. Failures of the connection are RpcErrors. */
export interface Store {
  /** One key, or undefined if it is absent. */
  get(key: string, options?: ReadOptions): Promise<KeyValue | undefined>;
  /** All keys that start with a prefix. */
  range(prefix: string, options?: ReadOptions): Promise<Listing>;
  /** Does all writes if every compare holds, else none. */
  transact(compares: readonly Compare[], writes: readonly Write[]): Promise<Outcome>;
  put(key: string, value: Uint8Array, lease?: bigint): Promise<bigint>;
  /** Deletes a key, if it is there. */
  delete(key: string): Promise<bigint>;
  /**
   * Every change below a prefix from a revision on; absent: from now. Throws
   * the signal's reason when it aborts, {@link CompactedError} when the
   * revision is forgotten, and whatever breaks the connection: see `follow`
   * for one that goes on.
   */
  watch(prefix: string, from: bigint | undefined, signal: AbortSignal): AsyncIterable<EventBatch>;
  /** Makes a lease that ends unless it is kept alive. */
  grantLease(ttlSeconds: number): Promise<bigint>;
  /** Renews a lease; answers how many seconds it has, 0 if it is gone. */
  keepAlive(lease: bigint): Promise<number>;
  /** Ends a lease and deletes its keys. */
  revokeLease(lease: bigint): Promise<void>;
  /** Forgets the history before a revision. */
  compact(revision: bigint): Promise<void>;
}

/** The wanted revision is no longer known. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";

  constructor(
    /** The oldest revision that is. */
    readonly oldest: bigint,
    options?: ErrorOptions,
  ) {
    super(`revision has been compacted, oldest is ${oldest}`, options);
  }
}

/** A store that shows only the keys below a prefix, without it. */
export function namespaced(store: Store, prefix: string): Store {
  const inside = (item: KeyValue): KeyValue => ({ ...item, key: item.key.slice(prefix.length) });
  const compare = (one: Compare): Compare => ({ ...one, key: prefix + one.key });
  return {
    get: async (key, options) => {
      const item = await store.get(prefix + key, options);
      return item === undefined ? undefined : inside(item);
    },
    range: async (below, options) => {
      const { revision, items } = await store.range(prefix + below, options);
      return { revision, items: items.map(inside) };
    },
    transact: (compares, writes) =>
      store.transact(
        compares.map(compare),
        writes.map((write) => prefixed(write, prefix)),
      ),
    put: (key, value, lease) => store.put(prefix + key, value, lease),
    delete: (key) => store.delete(prefix + key),
    watch: (below, from, signal) => watchInside(store, prefix, below, from, signal),
    grantLease: (ttlSeconds) => store.grantLease(ttlSeconds),
    keepAlive: (lease) => store.keepAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    compact: (revision) => store.compact(revision),
  };
}

function prefixed(write: Write, prefix: string): Write {
  if ("put" in write) return { ...write, put: prefix + write.put };
  if ("delete" in write) return { delete: prefix + write.delete };
  return { deletePrefix: prefix + write.deletePrefix };
}

async function* watchInside(
  store: Store,
  prefix: string,
  below: string,
  from: bigint | undefined,
  signal: AbortSignal,
): AsyncGenerator<EventBatch> {
  for await (const { revision, events } of store.watch(prefix + below, from, signal)) {
    yield { revision, events: events.map((event) => eventInside(event, prefix.length)) };
  }
}

function eventInside(event: StoreEvent, skip: number): StoreEvent {
  const key = event.key.slice(skip);
  return event.kind === "put"
    ? { kind: "put", key, item: { ...event.item, key } }
    : { ...event, key };
}
