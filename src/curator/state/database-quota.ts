// How much room the database of the cluster has, and which writes it still has room for.
//
//   0 ────────── compacted early ── ½ ──────── full for what grows ── ¾ ──── etcd's alarm ── quota
//
// At its quota etcd refuses all members everything that grows, the lease of a new leader
// included. So ours is a lower bound, for writes that can do without: what is above it is for
// elections, for deleting, and for what deleting needs.
import type { KeyValue, Listing, Write } from "../../base/etcd/etcd.ts";
import { formatSize } from "../../base/format/size.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";

/** The share of the quota at which writes that grow are refused. */
export const FULL_SHARE = 0.75;

/** What etcd keeps of a key beside the key and its value, about; it reckons with the same. */
const KEY_BYTES = 256;

/** By so much a key may grow that exists: a state changes, an address has a digit more. */
const IN_PLACE_BYTES = 256;

/** The database of the member on this node. Those of the others hold the same. */
export interface DatabaseSize {
  /** Of its file. */
  readonly fileBytes: number;
  /** Of the file, what is not free for new content. */
  readonly usedBytes: number;
  /** What the file may have. */
  readonly quotaBytes: number;
  /** Member IDs that have raised etcd's alarm. */
  readonly alarms: readonly bigint[];
}

/** What a write is measured against. */
export interface Present {
  get(key: string): Promise<KeyValue | undefined>;
  range(prefix: string): Promise<Listing>;
}

/** The room that is left, by the last measurement and what was written since. */
export class DatabaseQuota {
  #size: DatabaseSize | undefined;
  #writtenBytes = 0;

  /** The last measurement; undefined before the first. */
  get size(): DatabaseSize | undefined {
    return this.#size;
  }

  /** Takes a measurement in. */
  measured(size: DatabaseSize): void {
    this.#size = size;
    this.#writtenBytes = 0;
  }

  /** Notes what was written. */
  wrote(writes: readonly Write[]): void {
    for (const write of writes) this.#writtenBytes += bytesOf(write);
  }

  /** Whether what grows is refused. */
  get isFull(): boolean {
    if (this.#size === undefined) return false;
    const { usedBytes, quotaBytes } = this.#size;
    return usedBytes + this.#writtenBytes >= quotaBytes * FULL_SHARE;
  }

  /** Whether etcd's alarm is up: then nobody writes, and nobody can be elected. */
  get isOutOfSpace(): boolean {
    return (this.#size?.alarms.length ?? 0) > 0;
  }

  /** Returns where there is room for the writes; throws resourceExhausted otherwise. */
  async require(writes: readonly Write[], present: Present): Promise<void> {
    if (!this.isFull) return;
    const growths = await Promise.all(writes.map((write) => growth(write, present)));
    if (growths.reduce((sum, bytes) => sum + bytes, 0) > 0) throw this.fullError();
  }

  /** What a caller is told whose write has no room. */
  fullError(cause?: unknown): RpcError {
    const { usedBytes = 0, quotaBytes = 0 } = this.#size ?? {};
    const known =
      this.#size === undefined
        ? ""
        : `${formatSize(usedBytes)} of ${formatSize(quotaBytes)} are in use; `;
    const reason = `${known}it has room again once enough is deleted, such as nodes that are not needed`;
    return new RpcError(
      Code.resourceExhausted,
      `the cluster's database is full: ${reason}`,
      cause === undefined ? {} : { cause },
    );
  }
}

function bytesOf(write: Write): number {
  return "put" in write ? write.put.length + write.value.length + KEY_BYTES : 0;
}

/** By how many bytes a write makes the content larger; negative where it makes it smaller. */
async function growth(write: Write, present: Present): Promise<number> {
  const size = ({ key, value }: KeyValue) => key.length + value.length + KEY_BYTES;
  if ("deletePrefix" in write) {
    const { items } = await present.range(write.deletePrefix);
    return -items.reduce((sum, item) => sum + size(item), 0);
  }
  const before = await present.get("put" in write ? write.put : write.delete);
  if (!("put" in write)) return before === undefined ? 0 : -size(before);
  if (before === undefined) return bytesOf(write);
  const grown = bytesOf(write) - size(before);
  return grown > 0 && grown <= IN_PLACE_BYTES ? 0 : grown;
}

/** etcd's own refusal, in words only: it shares the code with other limits. */
export function isNoSpace(error: unknown): boolean {
  return (
    error instanceof RpcError &&
    error.code === Code.resourceExhausted &&
    error.message.includes("database space exceeded")
  );
}
