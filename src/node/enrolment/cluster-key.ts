// The cluster's half of the key of the data partition, from wherever it can be had:
//
//   recovery.pb, where this node's share is all it takes ──► at once
//   the leader of the running cluster ────────────────┐
//   other members that are locked as well ────────────┼──► whichever comes first
//   the operator ─────────────────────────────────────┘
import { sleep } from "../../base/event/event.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  emptyLock,
  gatherShares,
  held,
  type Lock,
  RECOVERY_PORT,
  unlockedKey,
} from "../recovery/recovery.ts";
import { connectAsStranger, knownAt, readDirectory } from "../roles/connection.ts";
import { dataPassphrase } from "../storage/keys.ts";
import type { Surroundings } from "./attempt.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import type { NodeSecrets } from "./keyring.ts";

const PAUSE_MS = 1_000;

/** Gets it, however long that takes. Throws where the cluster refuses it for good. */
export async function clusterKey(all: Surroundings, secrets: NodeSecrets): Promise<Uint8Array> {
  const lock = await makeLock(all, secrets);
  const own = await ownKey(all, lock);
  if (own !== undefined) lock.key.set(own);
  // From here on others can ask for this node's share.
  all.lock.set(lock);
  return own ?? askEverybody(all, secrets, lock);
}

async function makeLock({ paths, log }: Surroundings, secrets: NodeSecrets): Promise<Lock> {
  const lock = emptyLock(paths.esp.recovery, secrets);
  return { ...lock, ...held(lock.nodeId, await lock.file.read(log.warning)) };
}

/** The key, where this node's share is all it takes. */
async function ownKey(all: Surroundings, lock: Lock): Promise<Uint8Array | undefined> {
  for (const epoch of lock.epochs.toReversed()) {
    const key = await unlockedKey(epoch);
    if (key !== undefined && (await opensDisk(all, lock, key))) return key;
  }
  return undefined;
}

/** That of an ESP from a time when the cluster was another one does not. */
function opensDisk({ partition }: Surroundings, { nodeUnlockKey }: Lock, key: Uint8Array) {
  return partition.opens(dataPassphrase(nodeUnlockKey, key));
}

async function askEverybody(
  all: Surroundings,
  secrets: NodeSecrets,
  lock: Lock,
): Promise<Uint8Array> {
  const end = new AbortController();
  const signal = AbortSignal.any([all.signal, end.signal]);
  const places = () => directoryPlaces(all.paths.esp.clusterDirectory);
  const opens = (key: Uint8Array) => opensDisk(all, lock, key);
  const ways = [
    askLeader(all, secrets, signal),
    gatherShares(lock, { places, opens }, all.log, signal),
    lock.key.first(signal),
  ];
  try {
    const key = await Promise.race(ways);
    lock.key.set(key);
    return key;
  } finally {
    end.abort();
    await Promise.allSettled(ways);
  }
}

/** Where the recovery service of each node in a directory file would be, by ID. */
function directoryPlaces(path: string): ReadonlyMap<string, string> {
  const { nodes = [] } = readDirectory(path) ?? {};
  return new Map(
    nodes.flatMap(({ id, addresses }) =>
      addresses.slice(0, 1).map(({ host }) => [id, joinHostPort(host, RECOVERY_PORT)] as const),
    ),
  );
}

async function askLeader(
  { log, paths }: Surroundings,
  { join, clusterCa, isSealed }: NodeSecrets,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const known = () => knownAt(paths.esp.clusterDirectory);
  using channel = await connectAsStranger(join, clusterCa, known);
  const request = { usingSealedConfiguration: isSealed };
  const curator = channel.client(Curator);
  for (let said = ""; ; await sleep(PAUSE_MS, signal)) {
    try {
      return (await curator.joinNode(request, { signal })).clusterUnlockKey;
    } catch (error) {
      signal.throwIfAborted();
      const reason = passingReason(error);
      if (reason !== said) log.info(`No key from a running cluster yet: ${reason}`);
      said = reason;
    }
  }
}

/** Why it is worth asking again; throws where it is not. */
function passingReason(error: unknown): string {
  if (!(error instanceof RpcError)) throw error;
  switch (error.code) {
    case Code.notFound:
      throw new EnrolmentError(
        "the cluster knows this node no more",
        "It was deleted; install it again to let it join",
      );
    case Code.permissionDenied:
    case Code.failedPrecondition:
      throw new EnrolmentError(
        `the cluster refuses the key: ${error.message}`,
        "Ask its operator, or install the node again",
      );
    default:
      return error.message;
  }
}
