// The upkeep of etcd's database on this node, so that it never needs a person with a shell:
//
//   history   forgotten early once the half is in use
//   free      given back to the file system where it is much: the file counts, not its content
//   alarm     ended once there is room
//
// Every member does it for its own file, whoever leads: under the alarm nobody can be elected.
import { CompactedError, type Store } from "../../base/etcd/etcd.ts";
import { sleep } from "../../base/event/event.ts";
import { formatSize } from "../../base/format/size.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { DatabaseMaintenance } from "../state/consensus.ts";
import { type DatabaseQuota, type DatabaseSize, FULL_SHARE } from "../state/database-quota.ts";
import { keys } from "../state/keys.ts";
import type { Leader } from "../state/leader.ts";

/** How often the database is looked at: while it is small, and else. */
const IDLE_MS = 5_000;
const BUSY_MS = 1_000;
/** How often history is forgotten while there is still room. */
const COMPACT_MS = 10_000;

/** From this share of the quota on something is done. */
const BUSY_SHARE = 0.5;
/** The file is so near its quota that any space is worth it. */
const NEAR_SHARE = 0.9;
/** Free space that is worth a stand-still: of the file; of the quota, when near, and at the end. */
const FREE_SHARE = 0.5;
const FREE_SHARE_NEAR = 0.05;
const FREE_SHARE_FULL = 0.01;
/** Below it there is space for the lease of a leader, at least, who refuses all but deleting. */
const USABLE_SHARE = 0.98;

/** A member at a time rewrites its file: each has its turn by the clock, which costs no write. */
const TURN_MS = 20_000;

/** After a rewriting that was not answered in time, and may go on for long. */
const UNANSWERED_MS = 120_000;

/** What maintenance needs. */
export interface DatabaseParts {
  readonly store: Pick<Store, "range" | "compact">;
  readonly maintenance: DatabaseMaintenance;
  /** Undefined while this member does not lead. */
  readonly leading: { readonly current: Pick<Leader, "store"> | undefined };
  readonly quota: DatabaseQuota;
}

/** Whether history shall be forgotten now. */
export function wantsCompaction(
  { fileBytes, usedBytes, quotaBytes, alarms }: DatabaseSize,
  { isLeader, sinceMs }: { readonly isLeader: boolean; readonly sinceMs: number },
): boolean {
  if (alarms.length > 0) return true;
  // One is enough, where there is one.
  if (!isLeader || Math.max(usedBytes, fileBytes) < quotaBytes * BUSY_SHARE) return false;
  return usedBytes >= quotaBytes * FULL_SHARE || sinceMs >= COMPACT_MS;
}

/** Whether the file has so much free space that it shall be rewritten. */
export function wantsDefragmentation(size: DatabaseSize): boolean {
  const { fileBytes, usedBytes, quotaBytes, alarms } = size;
  const free = fileBytes - usedBytes;
  if (alarms.length > 0) return free >= quotaBytes * FREE_SHARE_FULL;
  if (fileBytes >= quotaBytes * NEAR_SHARE) return free >= quotaBytes * FREE_SHARE_NEAR;
  return fileBytes >= quotaBytes * BUSY_SHARE && free >= fileBytes * FREE_SHARE;
}

/** Whether the alarm may end: without space, the next write would raise it again. */
export function wantsWrites({ fileBytes, quotaBytes, alarms }: DatabaseSize): boolean {
  return alarms.length > 0 && fileBytes < quotaBytes * USABLE_SHARE;
}

/** Whether it is a member's turn among all. */
export function isTurn(id: bigint, ids: readonly bigint[], now: number): boolean {
  const order = [...ids].sort((a, b) => (a < b ? -1 : 1));
  return order[Math.floor(now / TURN_MS) % order.length] === id;
}

/** Keeps the database usable for as long as it runs. */
export function database(parts: DatabaseParts): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    const maintenance = new Maintenance(parts, log);
    for (let said = ""; ; ) {
      try {
        await maintenance.run();
        said = "";
      } catch (error) {
        // etcd may be starting, or electing: again later.
        if (!(error instanceof RpcError)) throw error;
        if (error.code !== Code.unavailable && error.message !== said) log.warning(error.message);
        said = error.message;
      }
      await sleep(maintenance.isBusy ? BUSY_MS : IDLE_MS, signal);
    }
  };
}

class Maintenance {
  readonly #parts: DatabaseParts;
  readonly #log: Logger;
  #compacted = { revision: 0n, at: Number.NEGATIVE_INFINITY };
  /** History was forgotten under the alarm, and the file not rewritten since. */
  #isStale = false;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #wasFull = false;

  constructor(parts: DatabaseParts, log: Logger) {
    this.#parts = parts;
    this.#log = log;
  }

  get isBusy(): boolean {
    const { size, isFull } = this.#parts.quota;
    if (size === undefined || isFull || size.alarms.length > 0) return true;
    return Math.max(size.usedBytes, size.fileBytes) >= size.quotaBytes * BUSY_SHARE;
  }

  async run(): Promise<void> {
    let size = await this.#measure();
    const isLeader = this.#parts.leading.current !== undefined;
    const sinceMs = performance.now() - this.#compacted.at;
    if (wantsCompaction(size, { isLeader, sinceMs }) && (await this.#compact())) {
      this.#isStale = true;
      size = await this.#measure();
    }
    const isWanted = wantsDefragmentation(size) || (this.#isStale && size.alarms.length > 0);
    const mayRewrite = performance.now() >= this.#restsUntil;
    if (isWanted && mayRewrite && (await this.#isTurn())) {
      size = await this.#defragment(size);
    }
    if (wantsWrites(size)) await this.#endAlarms(size);
    this.#tell(size);
  }

  async #measure(): Promise<DatabaseSize> {
    const { maintenance, quota } = this.#parts;
    const status = await maintenance.status();
    // The list of alarms is a decision of all members, each time; the status is this one's word.
    const isAlarmed = status.errors.some((text) => text.includes("NOSPACE"));
    const alarms = isAlarmed ? await maintenance.fullMembers() : [];
    const size = {
      fileBytes: Number(status.databaseBytes),
      usedBytes: Number(status.databaseBytesInUse),
      quotaBytes: Number(status.databaseQuotaBytes),
      alarms,
    };
    quota.measured(size);
    return size;
  }

  /**
   * Forgets all but the present; false where there is no history.
   *
   * etcd counts what that frees at the next write only, of which there may be none when all
   * are refused: while it is full the leader makes one. Under the alarm nobody can: there only
   * the rewritten file tells what is free.
   */
  async #compact(): Promise<boolean> {
    const { store, leading, quota } = this.#parts;
    if (quota.isFull && quota.size?.alarms.length === 0) {
      const touch = { put: keys.databaseTouch, value: new Uint8Array() };
      await leading.current?.store.commit([touch], [], { isUpkeep: true });
    }
    const { revision } = await store.range("", { limit: 1, keysOnly: true });
    if (revision === this.#compacted.revision) return false;
    await store.compact(revision).catch((error: unknown) => {
      // Another member was faster.
      if (!(error instanceof CompactedError)) throw error;
    });
    this.#compacted = { revision, at: performance.now() };
    return true;
  }

  async #isTurn(): Promise<boolean> {
    const { maintenance } = this.#parts;
    const [{ memberId }, members] = await Promise.all([maintenance.status(), maintenance.list()]);
    return isTurn(
      memberId,
      members.map(({ id }) => id),
      Date.now(),
    );
  }

  async #defragment({ fileBytes, usedBytes }: DatabaseSize): Promise<DatabaseSize> {
    const sizes = `${formatSize(fileBytes)}, of which ${formatSize(usedBytes)} are in use`;
    this.#log.info(`Rewriting the database file of ${sizes}`);
    const start = performance.now();
    // Where the answer is lost, what was begun goes on all the same.
    this.#restsUntil = start + UNANSWERED_MS;
    await this.#parts.maintenance.defragment();
    this.#restsUntil = start;
    this.#isStale = false;
    const size = await this.#measure();
    const ms = Math.round(performance.now() - start);
    this.#log.info(`The database file has ${formatSize(size.fileBytes)} now, after ${ms} ms`);
    return size;
  }

  async #endAlarms({ alarms }: DatabaseSize): Promise<void> {
    for (const id of alarms) await this.#parts.maintenance.endFullAlarm(id);
    this.#log.info("The database has space again: ended etcd's alarm");
    await this.#measure();
  }

  #tell({ alarms }: DatabaseSize): void {
    const { quota } = this.#parts;
    const isFull = quota.isFull || alarms.length > 0;
    if (isFull && !this.#wasFull) this.#log.warning(quota.fullError().message);
    if (!isFull && this.#wasFull) this.#log.info("The cluster's database has room again");
    this.#wasFull = isFull;
  }
}
