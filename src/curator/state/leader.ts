// What the handlers of a leader work with. There is one of these for each
// leadership; it is thrown away with it.
import type { Store } from "../../base/etcd/etcd.ts";
import { Lock, NamedLocks, type Value } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import type { Issuer } from "../../base/pki/certificate.ts";
import { RateLimiter } from "../../base/rpc/rpc.ts";
import {
  ConsensusRevocationsSchema,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { AddressMoves } from "./address-moves.ts";
import { loadCa } from "./cluster-pki.ts";
import type { Consensus } from "./consensus.ts";
import type { DatabaseQuota } from "./database-quota.ts";
import { Heartbeats } from "./heartbeats.ts";
import { keys } from "./keys.ts";
import { LeaderRecord } from "./leader-record.ts";
import { type LeaderKey, LeaderStore } from "./leader-store.ts";
import { ALL_REGISTRATIONS_RATE, REGISTRATION_RATE, REPORT_RATE } from "./limits.ts";
import type { NodeCache } from "./node-cache.ts";

/** The state of the cluster, as its leader has it. */
export interface Leader {
  /** The ID of this node. */
  readonly self: string;
  readonly store: LeaderStore;
  /** All nodes. Whoever changes one holds its lock among `nodeLocks`. */
  readonly nodes: NodeCache;
  /** The public key of the cluster's owner. */
  readonly owner: Value<Uint8Array>;
  readonly heartbeats: Heartbeats;
  readonly addressMoves: AddressMoves;
  /** Why nodes that ask for their place in consensus have to wait, by node ID. */
  readonly joinRefusals: Map<string, string>;
  /** By node ID. Who changes a node holds its lock from reading to writing. */
  readonly nodeLocks: NamedLocks;
  /** How often RegisterNode may still write, by address and in all. */
  readonly registrations: RateLimiter;
  readonly allRegistrations: RateLimiter;
  /** How often what members report may still be written, by node ID. */
  readonly reports: RateLimiter;
  /** Who changes what no two nodes may share holds it too, taken before a node's. */
  readonly meshLock: Lock;
  /** Who changes the configuration of the cluster holds it. */
  readonly configurationLock: Lock;
  /** Who makes the register ticket holds it. */
  readonly ticketLock: Lock;
  /** Who decides on roles in consensus, or changes its members, holds it; before a node's. */
  readonly consensusLock: Lock;
  /** The members of etcd. */
  readonly consensus: Consensus;
  /** What the database has room for. */
  readonly quota: DatabaseQuota;
  /** How the cluster comes back after all of it was off. */
  readonly recovery: LeaderRecord<typeof RecoverySchema>;
  /** Whose certificates etcd must not accept any more. */
  readonly revocations: LeaderRecord<typeof ConsensusRevocationsSchema>;
  /** Gives the leadership up. */
  resign(): Promise<void>;
  /** The CA of the cluster. Throws failedPrecondition before there is one. */
  ca(): Promise<Issuer>;
  /** For what operators want to know of; never for secrets. */
  readonly log: Logger;
}

/** What a leader is made from. */
export interface LeaderParts {
  readonly self: string;
  readonly store: Store;
  readonly key: LeaderKey;
  readonly nodes: NodeCache;
  readonly owner: Value<Uint8Array>;
  readonly consensus: Consensus;
  readonly quota: DatabaseQuota;
  readonly resign: () => Promise<void>;
  readonly log: Logger;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
}

/** Makes a leader. */
export function makeLeader({ store, key, clock, ...parts }: LeaderParts): Leader {
  const guarded = new LeaderStore(store, key, parts.quota);
  let ca: Issuer | undefined;
  return {
    ...parts,
    store: guarded,
    heartbeats: new Heartbeats(clock),
    addressMoves: new AddressMoves(clock),
    joinRefusals: new Map(),
    nodeLocks: new NamedLocks(),
    registrations: new RateLimiter(REGISTRATION_RATE, clock),
    allRegistrations: new RateLimiter(ALL_REGISTRATIONS_RATE, clock),
    reports: new RateLimiter(REPORT_RATE, clock),
    meshLock: new Lock(),
    configurationLock: new Lock(),
    ticketLock: new Lock(),
    consensusLock: new Lock(),
    recovery: new LeaderRecord(guarded, keys.recovery, RecoverySchema),
    revocations: new LeaderRecord(guarded, keys.revocations, ConsensusRevocationsSchema),
    // It never changes; but before the bootstrap there is none to remember.
    ca: async () => {
      ca ??= await loadCa(guarded);
      return ca;
    },
  };
}
