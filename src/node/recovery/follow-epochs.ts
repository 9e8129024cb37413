// Keeps recovery.pb as the cluster wants it: what is told is written for good before it
// is reported, because the cluster then forgets its copy.
import { Value } from "../../base/event/event.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Context } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Lock, loadEpochs } from "./recovery.ts";
import { heldEpochs, isSameEpochs, readEpochs, writeEpochs } from "./stored-epochs.ts";

/** Follows the epochs of this node, which must be a consensus member, into the lock. */
export async function followEpochs(
  curator: Client<typeof Curator>,
  path: string,
  lock: Value<Lock>,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const holder = await lock.first(signal);
  let present = await readEpochs(path);
  const stored = new Value(present.map(({ epoch }) => epoch));
  for await (const { epochs } of curator.followRecovery(reports(stored, signal), { signal })) {
    const next = heldEpochs(present, epochs, holder);
    // A leader that knows of none yet must not cost us those we have.
    if (next.length === 0 || isSameEpochs(present, next)) continue;
    await writeEpochs(path, next);
    present = next;
    const loaded = await loadEpochs(path, holder, log);
    if (lock.current !== undefined) lock.set({ ...lock.current, epochs: loaded });
    const numbers = present.map(({ epoch }) => epoch);
    log.info(`Holding recovery epochs ${numbers.join(", ")}`);
    stored.set(numbers);
  }
}

async function* reports(stored: Value<bigint[]>, signal: AbortSignal) {
  for await (const storedEpochs of stored.watch(signal)) yield { storedEpochs };
}
