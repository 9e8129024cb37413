// Transactions that wait for one another share the next one, as databases commit in groups: a
// write costs the leader far more than it costs etcd to carry it along.
//
//   ──► under way (a few at a time) ──► etcd
//   ──► waiting ── those that cannot meet ──► the next transaction, as one
//
// Whoever shares one sees what he would have seen alone: all of a group's writes are done if every
// compare holds. Else each is tried by itself, so that nobody pays for another's compare.
import type { Compare, Outcome, Write } from "../../base/etcd/etcd.ts";
import { isNoSpace } from "./database-quota.ts";

/** Does all writes if every compare holds. */
export type Transact = (compares: readonly Compare[], writes: readonly Write[]) => Promise<Outcome>;

/** With fewer, two callers would take turns where etcd could serve both. */
const MOST_UNDER_WAY = 4;
/** etcd takes 128 compares, and as many writes, in one transaction. */
const MOST_OPERATIONS = 100;
/** etcd takes requests of 1.5 MiB. What is larger goes alone. */
const MOST_BYTES = 512 * 1024;

interface Transaction {
  readonly compares: readonly Compare[];
  readonly writes: readonly Write[];
  readonly outcome: PromiseWithResolvers<Outcome>;
}

/** Transactions of one store. */
export class GroupCommit {
  readonly #transact: Transact;
  readonly #waiting: Transaction[] = [];
  #underWay = 0;

  constructor(transact: Transact) {
    this.#transact = transact;
  }

  /** Does all writes if every compare holds, maybe together with those of others. */
  transact(compares: readonly Compare[], writes: readonly Write[]): Promise<Outcome> {
    const outcome = Promise.withResolvers<Outcome>();
    this.#waiting.push({ compares, writes, outcome });
    this.#begin();
    return outcome.promise;
  }

  #begin(): void {
    while (this.#underWay < MOST_UNDER_WAY && this.#waiting.length > 0) void this.#next();
  }

  async #next(): Promise<void> {
    this.#underWay++;
    await this.#run(this.#takeGroup());
    this.#underWay--;
    this.#begin();
  }

  /** In their order, up to the first that cannot join those before it. */
  #takeGroup(): readonly Transaction[] {
    const group = new Group();
    let count = 0;
    for (const each of this.#waiting) {
      if (!group.admit(each)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #run(group: readonly Transaction[]): Promise<void> {
    try {
      const compares = group.flatMap((each) => each.compares);
      const outcome = await this.#transact(
        compares,
        group.flatMap(({ writes }) => writes),
      );
      if (!outcome.succeeded && group.length > 1) return await this.#runEach(group);
      for (const each of group) each.outcome.resolve(outcome);
    } catch (error) {
      // Under its alarm etcd still deletes, but not beside a put.
      if (isNoSpace(error) && group.length > 1) return await this.#runEach(group);
      for (const each of group) each.outcome.reject(error);
    }
  }

  async #runEach(group: readonly Transaction[]): Promise<void> {
    for (const each of group) await this.#run([each]);
  }
}

/** What transactions of one group touch. */
class Group {
  readonly #written = new Set<string>();
  readonly #compared = new Set<string>();
  #writes = 0;
  #compares = 0;
  #bytes = 0;

  /**
   * Whether a transaction can be done together with those before; the first always can. etcd
   * compares before it writes: one that writes what another compares would be done as if neither
   * had been first.
   */
  admit({ compares, writes }: Transaction): boolean {
    const isFirst = this.#writes === 0 && this.#compares === 0;
    if (!isFirst && !(this.#hasRoom(compares, writes) && this.#isApart(compares, writes))) {
      return false;
    }
    this.#writes += writes.length;
    this.#compares += compares.length;
    this.#bytes += bytesOf(writes);
    for (const write of writes) this.#written.add(keyOf(write) ?? EVERYTHING);
    for (const { key } of compares) this.#compared.add(key);
    return true;
  }

  #hasRoom(compares: readonly Compare[], writes: readonly Write[]): boolean {
    return (
      this.#writes + writes.length <= MOST_OPERATIONS &&
      this.#compares + compares.length <= MOST_OPERATIONS &&
      this.#bytes + bytesOf(writes) <= MOST_BYTES
    );
  }

  #isApart(compares: readonly Compare[], writes: readonly Write[]): boolean {
    if (this.#written.has(EVERYTHING)) return false;
    if (compares.some(({ key }) => this.#written.has(key))) return false;
    return writes.every((write) => {
      const key = keyOf(write);
      return key !== undefined && !this.#written.has(key) && !this.#compared.has(key);
    });
  }
}

/** No key is empty: stands for those below a prefix. */
const EVERYTHING = "";

/** The key that is written; undefined for many. */
function keyOf(write: Write): string | undefined {
  if ("put" in write) return write.put;
  return "delete" in write ? write.delete : undefined;
}

function bytesOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + ("put" in write ? write.value.length : 0), 0);
}
