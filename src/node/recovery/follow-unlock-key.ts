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
import type { Client } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import type {
  Curator,
  FollowUnlockKeyResponse,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { DataPartition } from "../storage/data.ts";
import { dataPassphrase } from "../storage/keys.ts";
import type { Lock } from "./lock.ts";

/** Follows what the disk of this node shall open with. */
export function followUnlockKey(
  curator: Client<typeof Curator>,
  partition: (signal: AbortSignal) => Promise<DataPartition>,
  lock: Value<Lock>,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    const present = await lock.first(signal);
    const keys = new DiskKeys(await partition(signal), present, log);
    const opens = new Value<Uint8Array>(keyCheck(await present.key.first(signal)));
    for await (const told of curator.followUnlockKey(reports(opens, signal), { signal })) {
      const check = await keys.follow(told, signal);
      if (check !== undefined) opens.set(check);
    }
  };
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

  /** Does what was told; gives what to report. */
  async follow(told: FollowUnlockKeyResponse, signal: AbortSignal) {
    const own = await this.#lock.key.first(signal);
    if (told.nextClusterUnlockKey.length > 0) return this.#add(own, told.nextClusterUnlockKey);
    // One that the cluster does not know is reported already: it makes another then.
    if (!constantTimeEqual(told.check, keyCheck(own))) return undefined;
    await this.#lock.file.rekey(own);
    const closed = await this.#partition.keepKey(this.#passphrase(own));
    if (closed > 0) this.#log.info("The data partition opens with its new key alone");
    return undefined;
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
