// The cluster's half of the key of the data partition, from wherever it can be had:
//
//   recovery.pb, where this node's share is all it takes ──► at once
//   the leader of the running cluster ────────────────┐
//   other members that are locked as well ────────────┼──► whichever comes first
//   the operator ─────────────────────────────────────┘
//
// None of them is believed: a key counts that opens the disk, and no refusal ends the search.
// Whoever passes for the leader, as where all is off but one node that has gone bad, would else
// keep those locked that could open together.
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
import { connectAsStranger, knownAt } from "../roles/connection.ts";
import { dataPassphrase, UNLOCK_KEY_BYTES } from "../storage/keys.ts";
import type { Surroundings } from "./attempt.ts";
import type { NodeSecrets } from "./keyring.ts";

const PAUSE_MS = 1_000;

/** What the search works with. */
export type KeySurroundings = Pick<
  Surroundings,
  "paths" | "partition" | "lock" | "whereabouts" | "log" | "signal"
>;

/** Gets it, however long that takes. */
export async function clusterKey(all: KeySurroundings, secrets: NodeSecrets): Promise<Uint8Array> {
  const lock = await makeLock(all, secrets);
  const own = await ownKey(lock);
  if (own !== undefined) lock.key.set(own);
  // From here on others can ask for this node's share.
  all.lock.set(lock);
  return own ?? askEverybody(all, secrets, lock);
}

async function makeLock(all: KeySurroundings, secrets: NodeSecrets): Promise<Lock> {
  const { paths, log } = all;
  const lock = emptyLock(paths.esp.recovery, secrets);
  const opens = (key: Uint8Array) => opensDisk(all, secrets, key);
  return { ...lock, opens, ...held(lock.nodeId, await lock.file.read(log.warning)) };
}

/** The key, where this node's share is all it takes. */
async function ownKey(lock: Lock): Promise<Uint8Array | undefined> {
  for (const epoch of lock.epochs.toReversed()) {
    const key = await unlockedKey(epoch);
    if (key !== undefined && (await lock.opens(key))) return key;
  }
  return undefined;
}

/** That of an ESP from a time when the cluster was another one does not, nor does a liar's. */
async function opensDisk(
  { partition }: KeySurroundings,
  { nodeUnlockKey }: NodeSecrets,
  key: Uint8Array,
): Promise<boolean> {
  if (key.length !== UNLOCK_KEY_BYTES) return false;
  return partition.opens(dataPassphrase(nodeUnlockKey, key));
}

async function askEverybody(
  all: KeySurroundings,
  secrets: NodeSecrets,
  lock: Lock,
): Promise<Uint8Array> {
  const end = new AbortController();
  const signal = AbortSignal.any([all.signal, end.signal]);
  const places = (id: string) =>
    all.whereabouts.candidates(id).map((host) => joinHostPort(host, RECOVERY_PORT));
  const ways = [
    askLeader(all, secrets, lock, signal),
    gatherShares(lock, { places, opens: lock.opens }, all.log, signal),
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

async function askLeader(
  { log, paths, whereabouts }: KeySurroundings,
  { join, clusterCa, isSealed }: NodeSecrets,
  { opens }: Lock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const known = () =>
    knownAt(paths.esp.clusterDirectory, undefined, (id) => whereabouts.candidates(id));
  using channel = await connectAsStranger(join, clusterCa, known);
  const request = { usingSealedConfiguration: isSealed };
  const curator = channel.client(Curator);
  for (let said = ""; ; await sleep(PAUSE_MS, signal)) {
    let answer: Answer;
    try {
      const { clusterUnlockKey } = await curator.joinNode(request, { signal });
      if (await opens(clusterUnlockKey)) return clusterUnlockKey;
      answer = WRONG_KEY;
    } catch (error) {
      signal.throwIfAborted();
      answer = withoutKey(error);
    }
    if (answer.text !== said) log[answer.severity](answer.text);
    said = answer.text;
  }
}

/** What is said of an answer that opens nothing. */
interface Answer {
  readonly severity: "info" | "error";
  readonly text: string;
}

const WRONG_KEY: Answer = {
  severity: "error",
  text:
    "The cluster gives a key that does not open this node's disk. If it was restored from an " +
    "older backup, install the node again",
};

/** It is said as it is, and asked again: another one may lead by then. */
function withoutKey(error: unknown): Answer {
  if (!(error instanceof RpcError)) throw error;
  switch (error.code) {
    case Code.notFound:
      return {
        severity: "error",
        text: "The cluster knows this node no more. If it was deleted, install it again",
      };
    case Code.permissionDenied:
    case Code.failedPrecondition:
      return {
        severity: "error",
        text: `The cluster refuses the key: ${error.message}. Ask its operator, or install the node again`,
      };
    default:
      return { severity: "info", text: `No key from a running cluster yet: ${error.message}` };
  }
}
