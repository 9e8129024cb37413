// The cluster's half of the key of the data partition, from wherever it can be had:
//
//   recovery.pb, where this node's share is all it takes ──► at once
//   the leader of the running cluster ───────────────┐
//                                                     ├──► whichever comes first
//   other members that are locked as well ────────────┘
import { readFile } from "node:fs/promises";
import { sleep } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { connectAsStranger, directorySeeds } from "../roles/connection.ts";
import type { Surroundings } from "./attempt.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { type NodeSecrets, ownClusterKey } from "./keyring.ts";

const PAUSE_MS = 1_000;
/** How often whoever looks at the console is reminded. */
const REMIND_EVERY = 300;

/** Gets it, however long that takes. Throws where the cluster refuses it for good. */
export async function clusterKey(all: Surroundings, secrets: NodeSecrets): Promise<Uint8Array> {
  const recovery = await readFile(all.paths.esp.recovery).catch(() => new Uint8Array());
  const own = await ownClusterKey(recovery, secrets.nodeUnlockKey);
  if (own !== undefined) return own;
  return askLeader(all, secrets);
}

async function askLeader(all: Surroundings, secrets: NodeSecrets): Promise<Uint8Array> {
  const { log, signal, paths } = all;
  const seeds = () => directorySeeds(paths.esp.clusterDirectory);
  using channel = await connectAsStranger(secrets.join, secrets.clusterCa, seeds);
  const request = { usingSealedConfiguration: secrets.isSealed };
  for (let asked = 0; ; asked++) {
    if (asked % REMIND_EVERY === 1) log.info(`Waiting for the cluster at ${seeds().join(", ")}`);
    try {
      return (await channel.client(Curator).joinNode(request, { signal })).clusterUnlockKey;
    } catch (error) {
      signal.throwIfAborted();
      judge(error, log);
    }
    await sleep(PAUSE_MS, signal);
  }
}

/** Returns where it is worth asking again. */
function judge(error: unknown, log: Logger): void {
  if (!(error instanceof RpcError)) throw error;
  switch (error.code) {
    case Code.notFound:
      throw new EnrolmentError(
        "the cluster knows this node no more",
        "It was deleted; install it again",
      );
    case Code.permissionDenied:
    case Code.failedPrecondition:
      throw new EnrolmentError(
        `the cluster refuses the key: ${error.message}`,
        "Install the node again",
      );
    default:
      log.info(`No key from the cluster yet: ${error.message}`);
  }
}
