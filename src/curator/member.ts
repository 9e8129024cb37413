// One member of the control plane: what runs in it, and the values by which its
// parts meet.
//
//   nodes ◄── etcd            leading ◄── election
//     │                          │
//     ├──► address ◄── election, own address
//     │       │                  │
//     ▼       ▼                  ▼
//   listener: opens with `opened`, tells `port` ◄──► local server: sets `opened`
import { follow, type Store } from "../base/etcd/etcd.ts";
import { Value, within } from "../base/event/event.ts";
import { slowness } from "../base/linux/machine.ts";
import type { Runnable } from "../base/supervisor/supervisor.ts";
import { database } from "./consensus/database.ts";
import { reconcileMembership } from "./consensus/reconcile-membership.ts";
import { elect } from "./election.ts";
import { locateLeader } from "./leader-address.ts";
import { leaderProbe } from "./leader-probe.ts";
import { leaderTask } from "./leader-task.ts";
import { listener } from "./listener.ts";
import type { LeaderAddress } from "./local/get-current-leader.ts";
import { localServer } from "./local-server.ts";
import { reconcileRecovery } from "./recovery/reconcile-recovery.ts";
import type { Settings } from "./settings.ts";
import type { Consensus } from "./state/consensus.ts";
import { DatabaseQuota } from "./state/database-quota.ts";
import { keys } from "./state/keys.ts";
import type { Leader } from "./state/leader.ts";
import { NodeCache } from "./state/node-cache.ts";
import { followOwner } from "./state/owner.ts";
import { expireWaiting } from "./state/waiting.ts";

const LEADER_TTL_SECONDS = 5;

/** What a member is made from. */
export interface MemberParts {
  readonly settings: Omit<Settings, "etcdSocket">;
  /** The part of etcd that belongs to the control plane. */
  readonly store: Store;
  /** The members of etcd. */
  readonly consensus: Consensus;
  /** The addresses of this node, best first. */
  readonly ownAddresses: Value<readonly string[]>;
  /** Hears where the network is served; for tests. */
  readonly port?: Value<number | undefined>;
}

/** Runs a member. */
export function member({
  settings,
  store,
  consensus,
  ownAddresses,
  ...rest
}: MemberParts): Runnable {
  return async ({ run, healthy, signal }) => {
    const usualTtl = LEADER_TTL_SECONDS * slowness();
    const { nodeId: self, leaderTtlSeconds: ttlSeconds = usualTtl } = settings;
    const nodes = new NodeCache();
    const leading = new Value<Leader | undefined>();
    const address = new Value<LeaderAddress | undefined>();
    const quota = new DatabaseQuota();
    const opened = new Value(settings.open);
    const { port = new Value<number | undefined>() } = rest;
    const owner = new Value<Uint8Array>();
    run("nodes", followNodes(store, nodes));
    run("owner", followOwner(store, owner, nodes));
    const { credentials, listen } = settings;
    const probing = { self, nodes, credentials, port: listen.port };
    const detectFailure = leaderProbe(probing);
    const candidate = { self, store, nodes, owner, consensus, quota, ttlSeconds, detectFailure };
    run("election", elect(candidate, leading));
    run("database", database({ store, maintenance: consensus, leading, quota }));
    run("membership", leaderTask(leading, reconcileMembership));
    run("waiting", leaderTask(leading, expireWaiting));
    run("recovery", leaderTask(leading, reconcileRecovery));
    run("address", locateLeader({ self, store, nodes, ownAddresses }, address));
    run("local", localServer({ ...settings, self, leading, opened, port }));
    const listening = {
      ...settings,
      self,
      store,
      nodes,
      owner,
      consensus,
      address,
      leading,
      quota,
    };
    run("listener", listener(listening, opened, port));
    healthy();
    await within(Promise.withResolvers<never>().promise, signal);
  };
}

function followNodes(store: Store, nodes: NodeCache): Runnable {
  return async ({ signal, healthy }) => {
    let isFirst = true;
    for await (const update of follow(store, keys.nodes, signal)) {
      if (update.kind === "list") nodes.reset(update);
      else nodes.apply(update);
      if (isFirst) healthy();
      isFirst = false;
    }
  };
}
