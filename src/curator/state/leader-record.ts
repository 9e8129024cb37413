// A record that the leader alone changes: read once, then kept in memory, and followed by
// those whom it is about.
import {
  clone,
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Write } from "../../base/etcd/etcd.ts";
import { Lock, Value } from "../../base/event/event.ts";
import type { LeaderStore } from "./leader-store.ts";

/** The record, in the hands of one leader. */
export class LeaderRecord<S extends DescMessage> {
  readonly #store: LeaderStore;
  readonly #key: string;
  readonly #schema: S;
  readonly #record = new Value<Readonly<MessageShape<S>>>();
  readonly #lock = new Lock();

  constructor(store: LeaderStore, key: string, schema: S) {
    this.#store = store;
    this.#key = key;
    this.#schema = schema;
  }

  /** The record; an empty one where there is none yet. */
  async current(): Promise<Readonly<MessageShape<S>>> {
    return this.#record.current ?? this.#lock.hold(() => this.#load());
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
    commit: (write: Write) => Promise<unknown> = (write) => this.#store.commit([write]),
  ): Promise<void> {
    await this.#lock.hold(async () => {
      const present = await this.#load();
      const next = await decide(clone(this.#schema, present as MessageShape<S>));
      if (next === undefined) return;
      await commit({ put: this.#key, value: toBinary(this.#schema, next) });
      this.#record.set(next);
    });
  }

  async #load(): Promise<Readonly<MessageShape<S>>> {
    if (this.#record.current !== undefined) return this.#record.current;
    const item = await this.#store.get(this.#key);
    const record = item === undefined ? create(this.#schema) : fromBinary(this.#schema, item.value);
    this.#record.set(record);
    return record;
  }
}
