// Keeps recovery.pb as the cluster wants it: what is told is written for good before it
// is reported, because the cluster then forgets its copy.
import { Value } from "../../base/event/event.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Context } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Recovery } from "../../gen/metropolis/proto/private/private_pb.ts";
import { held, type Lock } from "./lock.ts";

/** Follows the epochs of this node, which must be a consensus member, into the lock. */
export async function followEpochs(
  curator: Client<typeof Curator>,
  lock: Value<Lock>,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const { nodeId, file } = await lock.first(signal);
  const stored = new Value(numbers(await file.read()));
  for await (const told of curator.followRecovery(reports(stored, signal), { signal })) {
    const next = await file.hold(told, signal);
    if (next === undefined) continue;
    if (lock.current !== undefined) lock.set({ ...lock.current, ...held(nodeId, next) });
    log.info(`Holding recovery ${next.epochs.map(described).join(", ")}`);
    stored.set(numbers(next));
  }
}

function numbers({ epochs }: Recovery): bigint[] {
  return epochs.map(({ epoch }) => epoch);
}

function described({ epoch, peers }: Recovery["epochs"][number]): string {
  return `epoch ${epoch} with ${peers.length} others`;
}

async function* reports(stored: Value<bigint[]>, signal: AbortSignal) {
  for await (const storedEpochs of stored.watch(signal)) yield { storedEpochs };
}
