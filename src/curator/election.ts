// Standing for election, and being the leader once elected.
//
//   candidate ── elected ──► reads all nodes ──► leader ── key gone ──► candidate
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  applyUpdate,
  campaign,
  follow,
  type KeyValue,
  type Leadership,
  LeadershipLostError,
  leaderOf,
  type Store,
} from "../base/etcd/etcd.ts";
import { sleep, type Value, within } from "../base/event/event.ts";
import { Code, RpcError } from "../base/rpc/rpc.ts";
import type { Context, Runnable } from "../base/supervisor/supervisor.ts";
import { LeaderElectionValueSchema } from "../gen/metropolis/node/core/curator/proto/private/lock_pb.ts";
import type { Consensus } from "./state/consensus.ts";
import { type DatabaseQuota, isNoSpace } from "./state/database-quota.ts";
import { keys } from "./state/keys.ts";
import { type Leader, makeLeader } from "./state/leader.ts";
import type { NodeCache } from "./state/node-cache.ts";

const AGAIN_MS = 100;

/** What a candidate brings along. */
export interface Candidate {
  readonly self: string;
  readonly store: Store;
  readonly nodes: NodeCache;
  readonly owner: Value<Uint8Array>;
  readonly ttlSeconds: number;
  readonly consensus: Consensus;
  readonly quota: DatabaseQuota;
  /** Resolves once the leader on a node is taken for dead. */
  readonly detectFailure: (id: string, signal: AbortSignal) => Promise<void>;
}

/** Stands for election again and again; `leading` has the leader while it is this member. */
export function elect(candidate: Candidate, leading: Value<Leader | undefined>): Runnable {
  return async ({ signal, log, healthy }: Context) => {
    leading.set(undefined);
    healthy();
    for (;;) {
      const leadership = await win(candidate, signal);
      log.info("CANDIDATE => LEADER");
      try {
        leading.set(await lead(candidate, leadership, log));
        await within(Promise.withResolvers<never>().promise, leadership.lost);
      } catch (error) {
        if (!leadership.lost.aborted && !isPassing(error)) throw error;
        log.warning(`LEADER => CANDIDATE: ${leadership.lost.reason ?? error}`);
      } finally {
        leading.set(undefined);
        await leadership.resign();
      }
      signal.throwIfAborted();
    }
  };
}

/** Stands until it is elected; again, where etcd itself was electing and let go of requests. */
async function win(candidate: Candidate, signal: AbortSignal): Promise<Leadership> {
  for (;;) {
    try {
      return await campaign(candidate.store, {
        prefix: keys.leader,
        value: ballot(candidate),
        ttlSeconds: candidate.ttlSeconds,
        signal,
        isOwn: (value) => elected(value) === candidate.self,
        detectFailure: ({ value }, until) => candidate.detectFailure(elected(value), until),
      });
    } catch (error) {
      if (!isPassing(error) && !(error instanceof LeadershipLostError)) throw error;
    }
    await sleep(AGAIN_MS, signal);
  }
}

/**
 * etcd let go of a request because it was electing, too; or it has no space for the lease of a
 * leader, until the upkeep of the database has made some.
 */
function isPassing(error: unknown): boolean {
  return isNoSpace(error) || (error instanceof RpcError && error.code === Code.unavailable);
}

async function lead(
  { self, store, nodes, owner, consensus, quota }: Candidate,
  leadership: Leadership,
  log: Context["log"],
): Promise<Leader> {
  // From here on nobody else writes, so a list read now is all there is.
  nodes.reset(await store.range(keys.nodes));
  const key = { key: leadership.key, createRevision: leadership.revision };
  const resign = () => leadership.resign();
  const clock = () => performance.now();
  return makeLeader({ self, store, key, nodes, owner, consensus, quota, resign, log, clock });
}

function ballot({ self, ttlSeconds }: Candidate): Uint8Array {
  const value = create(LeaderElectionValueSchema, { nodeId: self, ttl: BigInt(ttlSeconds) });
  return toBinary(LeaderElectionValueSchema, value);
}

function elected(value: Uint8Array): string {
  return fromBinary(LeaderElectionValueSchema, value).nodeId;
}

/** Tells the ID of each new leader, undefined while there is none. */
export async function* followLeader(
  store: Store,
  signal: AbortSignal,
): AsyncGenerator<string | undefined> {
  const candidates = new Map<string, KeyValue>();
  for await (const update of follow(store, keys.leader, signal)) {
    applyUpdate(candidates, update);
    const leader = leaderOf(candidates.values());
    yield leader === undefined ? undefined : elected(leader.value);
  }
}
