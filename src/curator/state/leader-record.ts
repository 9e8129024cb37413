// A record that the leader alone changes: kept in memory, and followed by those whom it is
// about.
import {
  clone,
  create,
  type DescMessage,
  equals,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Compare, Write } from "../../base/etcd/etcd.ts";
import { Lock, Value } from "../../base/event/event.ts";
import type { LeaderStore } from "./leader-store.ts";

/** What writes a record, and what must hold for that. */
export interface RecordChange {
  readonly writes: readonly Write[];
  readonly compares: readonly Compare[];
}

/** The record, in the hands of one leader. */
export class LeaderRecord<S extends DescMessage> {
  readonly #store: LeaderStore;
  readonly #key: string;
  readonly #schema: S;
  readonly #record = new Value<Readonly<MessageShape<S>>>();
  readonly #lock = new Lock();
  /** Whether `#record` is what etcd has: not before it was read, and not after a failed write. */
  #isKnown = false;

  constructor(store: LeaderStore, key: string, schema: S) {
    this.#store = store;
    this.#key = key;
    this.#schema = schema;
  }

  /** The record; an empty one where there is none yet. */
  async current(): Promise<Readonly<MessageShape<S>>> {
    const { current } = this.#record;
    if (this.#isKnown && current !== undefined) return current;
    return this.#lock.hold(async () => (await this.#load()).record);
  }

  /** The record as it is, then whenever it changes. */
  async *watch(signal: AbortSignal): AsyncGenerator<Readonly<MessageShape<S>>> {
    await this.current();
    yield* this.#record.watch(signal);
  }

  /**
   * Changes the record; returns when that is written. `decide` gives undefined for no change;
   * `commit` writes the record together with what must not change without it.
   */
  async change(
    decide: (
      record: MessageShape<S>,
    ) => Promise<MessageShape<S> | undefined> | MessageShape<S> | undefined,
    commit: (change: RecordChange) => Promise<unknown> = ({ writes, compares }) =>
      this.#store.commit(writes, compares, { isUpkeep: true }),
  ): Promise<void> {
    await this.#lock.hold(async () => {
      const { record, modRevision } = await this.#load();
      const next = await decide(clone(this.#schema, record));
      if (next === undefined) return;
      // A write whose answer is lost may still be done, even after later ones: not without this.
      const compares = [{ key: this.#key, modRevision }];
      this.#isKnown = false;
      await commit({ writes: [{ put: this.#key, value: toBinary(this.#schema, next) }], compares });
      this.#isKnown = true;
      this.#record.set(next);
    });
  }

  async #load(): Promise<{ readonly record: MessageShape<S>; readonly modRevision: bigint }> {
    const item = await this.#store.get(this.#key);
    const record = item === undefined ? create(this.#schema) : fromBinary(this.#schema, item.value);
    const { current } = this.#record;
    if (current === undefined || !equals(this.#schema, current as MessageShape<S>, record)) {
      this.#record.set(record);
    }
    this.#isKnown = true;
    return { record, modRevision: item?.modRevision ?? 0n };
  }
}
