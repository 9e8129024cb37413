// recovery.pb: encrypted and authenticated as a whole under the node unlock key, which the TPM
// guards in turn. Who has the ESP can put back an older file, but neither read one, nor take
// anything out of it, such as that a member was deleted.
import { readFile } from "node:fs/promises";
import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Lock as Mutex, type Value } from "../../base/event/event.ts";
import { replaceFileErased } from "../../base/linux/atomic-file.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import type { FollowRecoveryResponse } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Recovery, RecoverySchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { closeShare, openShareEnvelope } from "../storage/sealed.ts";
import { type EpochOwner, rekeyed, toHold } from "./stored-epochs.ts";

/** Bound to the content: a sealed thing of another form does not open as this one. */
const FORM = "all recovery epochs";

/** The file of one node. All changes of it go through one of these. */
export class EpochFile {
  readonly #path: string;
  readonly #owner: EpochOwner;
  /** The cluster unlock key that the file holds, once it is known. */
  readonly #key: Value<Uint8Array>;
  /** Held from reading to writing. */
  readonly #mutex = new Mutex();

  constructor(path: string, owner: EpochOwner, key: Value<Uint8Array>) {
    this.#path = path;
    this.#owner = owner;
    this.#key = key;
  }

  /**
   * What the file says; nothing where there is none, or it cannot be used, of which `warn` is
   * told: the cluster makes other epochs then.
   */
  async read(warn: (text: string) => void = () => {}): Promise<Recovery> {
    const bytes = await readFile(this.#path).catch(() => undefined);
    // An empty file is a rename on FAT that a power cut interrupted: as good as none.
    if (bytes === undefined || bytes.length === 0) return create(RecoverySchema);
    try {
      return fromBinary(RecoverySchema, openShareEnvelope(this.#owner, FORM, bytes));
    } catch (error) {
      warn(`Recovery epochs cannot be used: ${errorText(error)}`);
      return create(RecoverySchema);
    }
  }

  /** Writes the file for good. With an old epoch fewer machines might open this disk. */
  async write(recovery: Recovery): Promise<void> {
    const bytes = toBinary(RecoverySchema, recovery);
    await replaceFileErased(this.#path, closeShare(this.#owner, FORM, bytes));
  }

  /** Holds what the cluster has told; gives it where that is news. */
  hold(told: FollowRecoveryResponse, signal: AbortSignal): Promise<Recovery | undefined> {
    return this.#mutex.hold(async () => {
      const key = await this.#key.first(signal);
      return this.#change((present) => toHold(present, told, this.#owner, key));
    }, signal);
  }

  /** Lets the file, where there is one, lead to another key from here on. */
  rekey(clusterUnlockKey: Uint8Array): Promise<void> {
    return this.#mutex.hold(async () => {
      await this.#change(async (present) =>
        present.epochs.length === 0 ? present : rekeyed(present, this.#owner, clusterUnlockKey),
      );
      this.#key.set(clusterUnlockKey);
    });
  }

  async #change(decide: (present: Recovery) => Promise<Recovery>): Promise<Recovery | undefined> {
    const present = await this.read();
    const next = await decide(present);
    if (equals(RecoverySchema, present, next)) return undefined;
    await this.write(next);
    return next;
  }
}
