// The record of recovery epochs, as the leader has it: read once, then changed by the
// leader alone, and followed by the members that it is about.
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Lock, Value } from "../../base/event/event.ts";
import {
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "../state/keys.ts";
import type { LeaderStore } from "../state/leader-store.ts";

/** The record, in the hands of one leader. */
export class RecoveryState {
  readonly #store: LeaderStore;
  readonly #record = new Value<Readonly<Recovery>>();
  readonly #lock = new Lock();

  constructor(store: LeaderStore) {
    this.#store = store;
  }

  /** The record; an empty one where there is none yet. */
  async current(): Promise<Readonly<Recovery>> {
    return this.#record.current ?? this.#lock.hold(() => this.#load());
  }

  /** The record as it is, then whenever it changes. */
  async *watch(signal: AbortSignal): AsyncGenerator<Readonly<Recovery>> {
    await this.current();
    yield* this.#record.watch(signal);
  }

  /** Changes the record; returns when that is written. `change` gives undefined for no change. */
  async change(
    decide: (record: Recovery) => Promise<Recovery | undefined> | Recovery | undefined,
  ): Promise<void> {
    await this.#lock.hold(async () => {
      const present = await this.#load();
      const next = await decide(clone(RecoverySchema, present));
      if (next === undefined) return;
      await this.#store.commit([{ put: keys.recovery, value: toBinary(RecoverySchema, next) }]);
      this.#record.set(next);
    });
  }

  async #load(): Promise<Readonly<Recovery>> {
    if (this.#record.current !== undefined) return this.#record.current;
    const item = await this.#store.get(keys.recovery);
    const record =
      item === undefined ? create(RecoverySchema) : fromBinary(RecoverySchema, item.value);
    this.#record.set(record);
    return record;
  }
}
