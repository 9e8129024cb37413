// Another cluster unlock key for this node, when its cluster wants that: so that what somebody
// has learned, or copied of an ESP, opens nothing any more.
//
//   next key told ──► disk opens with both ──► recovery.pb leads to the next ──► reported
//   only key told ──► recovery.pb leads to it ──► disk opens with that one alone
//
// At every instant each key that anybody would give to this node opens its disk: the old one
// until the cluster has confirmed that it knows no other than the new, the new one from before
// recovery.pb holds it. Every step does nothing where it was done.
import { Value } from "../../base/event/event.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { keyCheck } from "../../base/pki/key-check.ts";
import type { Channel } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import {
  Curator,
  type FollowUnlockKeyResponse,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { DataPartition } from "../storage/data.ts";
import { dataPassphrase } from "../storage/keys.ts";
import type { Lock } from "./lock.ts";

/**
 * Follows what the disk of this node shall open with: once, and again whenever `isDue` is set to
 * true. Not all the time, as a stream of each node would cost the leader more than all keys.
 *
 * `dial` leads to whom a majority of the members names: a disk that opens with a key that the
 * cluster does not have is lost at the next boot.
 */
export function followUnlockKey(
  dial: () => Channel,
  partition: (signal: AbortSignal) => Promise<DataPartition>,
  lock: Value<Lock>,
  isDue: Value<boolean>,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    const present = await lock.first(signal);
    const keys = new DiskKeys(await partition(signal), present, log);
    await settle(dial, keys, signal);
    for await (const due of isDue.watch(signal)) if (due) await settle(dial, keys, signal);
  };
}

/** Follows until the disk opens with the only key that the cluster has for it. */
async function settle(dial: () => Channel, keys: DiskKeys, signal: AbortSignal): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  const opens = new Value<Uint8Array>(await keys.check(either));
  using channel = dial();
  try {
    const stream = channel
      .client(Curator)
      .followUnlockKey(reports(opens, either), { signal: either });
    for await (const told of stream) {
      const next = await keys.follow(told, either);
      if (next === "settled") return;
      if (next !== undefined) opens.set(next);
    }
  } finally {
    end.abort();
  }
}

async function* reports(opens: Value<Uint8Array>, signal: AbortSignal) {
  for await (const check of opens.watch(signal)) yield { check };
}

class DiskKeys {
  readonly #partition: DataPartition;
  readonly #lock: Lock;
  readonly #log: Context["log"];

  constructor(partition: DataPartition, lock: Lock, log: Context["log"]) {
    this.#partition = partition;
    this.#lock = lock;
    this.#log = log;
  }

  /** Tells which key opens the disk. */
  async check(signal: AbortSignal): Promise<Uint8Array> {
    return keyCheck(await this.#lock.key.first(signal));
  }

  /** Does what was told; gives what to report. */
  async follow(
    { check, nextClusterUnlockKey: next }: FollowUnlockKeyResponse,
    signal: AbortSignal,
  ): Promise<Uint8Array | "settled" | undefined> {
    const own = await this.#lock.key.first(signal);
    if (next.length > 0) return this.#add(own, next);
    // A disk that is not encrypted has none.
    if (check.length === 0) return "settled";
    // One that the cluster does not know is reported already: it makes another then.
    if (!constantTimeEqual(check, keyCheck(own))) return undefined;
    await this.#lock.file.rekey(own);
    const closed = await this.#partition.keepKey(this.#passphrase(own));
    if (closed > 0) this.#log.info("The data partition opens with its new key alone");
    return "settled";
  }

  async #add(own: Uint8Array, next: Uint8Array): Promise<Uint8Array> {
    await this.#partition.addKey(this.#passphrase(own), this.#passphrase(next));
    await this.#lock.file.rekey(next);
    this.#log.info("The data partition opens with a new key, too");
    return keyCheck(next);
  }

  #passphrase(clusterUnlockKey: Uint8Array): Uint8Array {
    return dataPassphrase(this.#lock.nodeUnlockKey, clusterUnlockKey);
  }
}
