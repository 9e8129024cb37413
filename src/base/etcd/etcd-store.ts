// The store over a real etcd.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { KeyValue as WireKeyValue } from "../../gen/etcd/kv_pb.ts";
import { Event_EventType } from "../../gen/etcd/kv_pb.ts";
import {
  type CompareSchema,
  KV,
  Lease,
  type RequestOpSchema,
  Compare_CompareTarget as Target,
  Watch,
  type WatchResponse,
} from "../../gen/etcd/rpc_pb.ts";
import { type CallOptions, type Channel, type Client, Code, RpcError } from "../rpc/rpc.ts";
import {
  CompactedError,
  type Compare,
  type EventBatch,
  type KeyValue,
  type Listing,
  namespaced,
  type Outcome,
  type ReadOptions,
  type Store,
  type StoreEvent,
  type Write,
} from "./store.ts";

/** etcd answers within a second or is in trouble. */
const TIMEOUT_MS = 10_000;

/** Asks etcd to end a stream rather than leave it on a member without a leader. */
const requireLeader = { hasleader: "true" };

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** The keys of an etcd below a prefix, through a connection to one or more members. */
export function etcdStore(channel: Channel, prefix = ""): Store {
  const store = new EtcdStore(channel);
  return prefix === "" ? store : namespaced(store, prefix);
}

class EtcdStore implements Store {
  readonly #kv: Client<typeof KV>;
  readonly #watch: Client<typeof Watch>;
  readonly #lease: Client<typeof Lease>;

  constructor(channel: Channel) {
    this.#kv = channel.client(KV);
    this.#watch = channel.client(Watch);
    this.#lease = channel.client(Lease);
  }

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    const { items } = await this.#range({ key: utf8.encode(key) }, options);
    return items[0];
  }

  range(prefix: string, options: ReadOptions = {}): Promise<Listing> {
    return this.#range(below(prefix), options);
  }

  async #range(keys: KeyRange, options: ReadOptions): Promise<Listing> {
    const { revision = 0n, limit = 0, keysOnly = false, isLocal = false, signal } = options;
    const more = { revision, limit: BigInt(limit), keysOnly, serializable: isLocal };
    const request = { ...keys, ...more };
    const { header, kvs } = await this.#kv.range(request, callOptions(signal)).catch(translate);
    return { revision: header?.revision ?? 0n, items: kvs.map(keyValue) };
  }

  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<Outcome> {
    const request = { compare: compares.map(wireCompare), success: writes.map(wireWrite) };
    const { succeeded, header } = await this.#kv.txn(request, callOptions());
    return { succeeded, revision: header?.revision ?? 0n };
  }

  async put(key: string, value: Uint8Array, lease?: bigint): Promise<bigint> {
    return (await this.transact([], [{ put: key, value, lease }])).revision;
  }

  async delete(key: string): Promise<bigint> {
    return (await this.transact([], [{ delete: key }])).revision;
  }

  async *watch(
    prefix: string,
    from: bigint | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<EventBatch> {
    // Left to itself the request stream must stay open: its end ends the watch.
    const over = Promise.withResolvers<void>();
    const create = { ...below(prefix), startRevision: from ?? 0n, progressNotify: true };
    async function* requests() {
      yield { requestUnion: { case: "createRequest" as const, value: create } };
      await over.promise;
    }
    try {
      const options = { signal, metadata: requireLeader };
      for await (const response of this.#watch.watch(requests(), options)) {
        checkWatch(response);
        const events = response.events.flatMap(storeEvent);
        // Not the header's: while a watcher catches up, that is ahead of what was delivered.
        const last = response.events.at(-1)?.kv?.modRevision;
        if (last !== undefined) yield { revision: last, events };
      }
      throw new RpcError(Code.unavailable, "etcd ended the watch");
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      over.resolve();
    }
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    const { id } = await this.#lease.leaseGrant({ ttl: BigInt(ttlSeconds) }, callOptions());
    return id;
  }

  async keepAlive(lease: bigint): Promise<number> {
    const over = Promise.withResolvers<void>();
    async function* requests() {
      yield { id: lease };
      await over.promise;
    }
    try {
      const options = { ...callOptions(), metadata: requireLeader };
      for await (const { ttl } of this.#lease.leaseKeepAlive(requests(), options)) {
        return Number(ttl);
      }
      throw new RpcError(Code.unavailable, "etcd did not answer the keep-alive");
    } finally {
      over.resolve();
    }
  }

  async revokeLease(lease: bigint): Promise<void> {
    await this.#lease.leaseRevoke({ id: lease }, callOptions());
  }

  async compact(revision: bigint): Promise<void> {
    // Physical: when it returns, the space is free.
    await this.#kv.compact({ revision, physical: true }, callOptions()).catch(translate);
  }
}

interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}

/** The range of all keys with a prefix: up to the prefix with its last byte one higher. */
function below(prefix: string): KeyRange {
  const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
  if (prefix === "") return everything;
  const key = utf8.encode(prefix);
  const rangeEnd = key.slice();
  // UTF-8 never holds the byte 255, so there is no carry.
  const last = rangeEnd.length - 1;
  rangeEnd[last] = (rangeEnd[last] ?? 0) + 1;
  return { key, rangeEnd };
}

function callOptions(signal?: AbortSignal): CallOptions {
  return { signal, timeoutMs: TIMEOUT_MS };
}

/** etcd says "compacted" in words only. */
function translate(error: unknown): never {
  const isCompacted =
    error instanceof RpcError &&
    error.code === Code.outOfRange &&
    error.message.includes("compacted");
  throw isCompacted ? new CompactedError(0n, { cause: error }) : error;
}

function checkWatch({ canceled, compactRevision, cancelReason }: WatchResponse): void {
  if (!canceled) return;
  if (compactRevision > 0n) throw new CompactedError(compactRevision);
  throw new RpcError(Code.unavailable, `etcd cancelled the watch: ${cancelReason}`);
}

function keyValue(item: WireKeyValue): KeyValue {
  const { value, createRevision, modRevision, version, lease } = item;
  return { key: text.decode(item.key), value, createRevision, modRevision, version, lease };
}

function storeEvent({ type, kv }: WatchResponse["events"][number]): readonly StoreEvent[] {
  if (kv === undefined) return [];
  const key = text.decode(kv.key);
  if (type === Event_EventType.PUT) return [{ kind: "put", key, item: keyValue(kv) }];
  return [{ kind: "delete", key, revision: kv.modRevision }];
}

function wireCompare(compare: Compare): MessageInitShape<typeof CompareSchema> {
  const key = utf8.encode(compare.key);
  if ("createRevision" in compare) {
    const value = compare.createRevision;
    return { key, target: Target.CREATE, targetUnion: { case: "createRevision", value } };
  }
  if ("modRevision" in compare) {
    const value = compare.modRevision;
    return { key, target: Target.MOD, targetUnion: { case: "modRevision", value } };
  }
  if ("version" in compare) {
    const value = compare.version;
    return { key, target: Target.VERSION, targetUnion: { case: "version", value } };
  }
  return { key, target: Target.VALUE, targetUnion: { case: "value", value: compare.value } };
}

function wireWrite(write: Write): MessageInitShape<typeof RequestOpSchema> {
  if ("put" in write) {
    const value = { key: utf8.encode(write.put), value: write.value, lease: write.lease ?? 0n };
    return { request: { case: "requestPut", value } };
  }
  const value = "delete" in write ? { key: utf8.encode(write.delete) } : below(write.deletePrefix);
  return { request: { case: "requestDeleteRange", value } };
}
