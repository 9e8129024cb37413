// What the node does as a member of its cluster: it says that it is alive, where it is
// reached and what it runs, and follows what the cluster wants of it.
//
//   membership ─► connection to the leader ─┬─ heartbeat
//                                           ├─ status     ◄─ addresses
//                                           ├─ fetch      ─► roles ─► control plane
//                                           └─ directory  ─► ESP, names
import { Value } from "../../base/event/event.ts";
import type { Channel, Known } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { NodeRoles, NodeStatus } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import { ETCD_PORTS, type Member } from "../consensus/config.ts";
import type { StartFailure } from "../consensus/consensus.ts";
import { followRevocations } from "../consensus/revocations.ts";
import { type Control, together } from "../control/control.ts";
import { type MeshPeer, mesh } from "../mesh/mesh.ts";
import type { Names } from "../network/hosts.ts";
import { followEpochs, followUnlockKey, type Lock } from "../recovery/recovery.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { Paths } from "../storage/paths.ts";
import type { StorageNews } from "../storage/storage.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import { connectByJoinKey, connectLeader, connectSettledLeader } from "./connection.ts";
import type { CuratorNews } from "./curator.ts";
import { directoryFollows } from "./directory-follows.ts";
import { type ElectedOptions, withElected } from "./elected.ts";
import { heartbeat } from "./heartbeat.ts";
import { ownerFile } from "./owner.ts";
import { renewal } from "./renewal.ts";
import { nodeStatus, statusPush } from "./status.ts";
import { directory, ownRecord } from "./watch.ts";
import { isMember, whileMembership } from "./while-role.ts";

/** What the node tells about itself, and what it hears. */
export interface RolesOptions extends CuratorNews {
  readonly paths: Paths;
  readonly version: Version;
  readonly bootId: string;
  /** Set to the roles that the cluster gives to this node. */
  readonly roles: Value<NodeRoles>;
  /** Set to whether a leader answers this node. */
  readonly isReached: Value<boolean>;
  /** Kept up to date with what this node holds for a cold start. */
  readonly lock: Value<Lock>;
  /** Where the data partition is, whose key may be replaced. */
  readonly storage: Pick<StorageNews, "ground">;
  /** Told what the cluster says of where its nodes are. */
  readonly whereabouts: Whereabouts;
  /** Set to where the nodes of the cluster are. */
  readonly names: Value<Names>;
  /** Set to the public key of the cluster's owner. */
  readonly owner: Value<Uint8Array>;
  /** Why etcd cannot run, while it cannot. */
  readonly failure: Value<StartFailure | null>;
  /** What is wrong with this machine. */
  readonly troubles: Value<readonly string[]>;
  /** Takes what is wrong with the encrypted network. */
  readonly noteMesh: (sentences: readonly string[]) => void;
  /** Whether this host can take part in the encrypted network. */
  readonly hasMesh: boolean;
  /** Curators that may know the leader. */
  readonly known: () => Known;
  /** The member of etcd on this node. */
  readonly consensus: Control<Member>;
}

/** The life of the node as a member. */
export function roles(options: RolesOptions): Runnable {
  return async ({ signal, log, run, healthy }) => {
    const { membership, paths, names, addresses, owner, whereabouts } = options;
    const own = await membership.first(signal);
    const peers = new Value<readonly MeshPeer[]>();
    using channel: Channel = connectLeader(membership, options.known);
    const curator = channel.client(Curator);
    const status = new Value<NodeStatus | undefined>();
    const isRefused = new Value(false);
    run("heartbeat", heartbeat(curator, { isReached: options.isReached, isRefused }));
    const told = {
      addresses: new Value<readonly string[]>(),
      podRanges: new Value<readonly string[]>(),
    };
    run("status", statusPush(curator, own.nodeId, status, told.addresses));
    const isUnlockKeyDue = new Value<boolean>();
    const record = { roles: options.roles, ...told, isUnlockKeyDue };
    run("fetch", ownRecord(curator, own.nodeId, paths.data.roles, record));
    run("directory", directory(curator, paths.esp.clusterDirectory, { whereabouts, peers, owner }));
    run("owner", ownerFile(owner, paths.data.owner));
    if (options.hasMesh) {
      const { meshKey: keyFile } = paths.data;
      const { nodeId, ca: clusterCa } = own;
      const { noteMesh: note } = options;
      run("mesh", mesh({ nodeId, clusterCa, curator, addresses, told, peers, keyFile, note }));
    }
    const connect = async (present: Credentials) => {
      const { join } = await options.lock.first(signal);
      return connectByJoinKey(join, present, options.known);
    };
    const renewed = { membership, paths: paths.data.credentials, connect, isRefused };
    run("renewal", renewal(renewed));
    const partition = async (ended: AbortSignal) =>
      (await options.storage.ground.first(ended)).partition;
    const settled = () => connectSettledLeader(membership, options.known);
    run("unlockkey", followUnlockKey(settled, partition, options.lock, isUnlockKeyDue));
    run("epochs", asMember(options.roles, recoveryEpochs(options)));
    run("revocations", asMember(options.roles, consensusRevocations(options)));
    run("names", ownName(own.nodeId, addresses, whereabouts.places, names));
    run("meetings", directoryFollows(whereabouts, paths.esp.clusterDirectory));
    healthy();
    log.info(`Member of the cluster as ${own.nodeId}`);
    await followStatus(options, status, signal);
  };
}

type Work = (context: Pick<Context, "signal" | "log">) => Promise<void>;

/** Does something whenever, and for as long as, this node is a consensus member. */
function asMember(roles: Value<NodeRoles>, work: Work): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    for (;;) {
      await roles.first(signal, isMember);
      await whileMembership(roles, true, signal, (either) => work({ signal: either, log }));
    }
  };
}

/** Holds the recovery epochs that the cluster wants. */
function recoveryEpochs(options: RolesOptions): Work {
  return (context) =>
    withElected(elected(options), context.signal, (leader) =>
      followEpochs(leader.client(Curator), options.lock, context),
    );
}

/** What costs a member its shares or its peers, it hears from whom its own etcd names alone. */
function elected({ membership, consensus, paths, addresses }: RolesOptions): ElectedOptions {
  return { membership, consensus, addresses, directory: paths.esp.clusterDirectory };
}

/** Keeps those out of etcd here that are members no more. */
function consensusRevocations(options: RolesOptions): Work {
  const { isOpen, paths } = options;
  return async (context) => {
    // By then etcd has its first list, which came with its certificates.
    await isOpen.first(context.signal, (open) => open);
    await withElected(elected(options), context.signal, (leader) =>
      followRevocations(leader.client(Curator), paths.data, ETCD_PORTS.peer, context),
    );
  };
}

/** Adds to what the cluster says where this node itself is, which it knows first. */
function ownName(
  id: string,
  addresses: Value<readonly string[]>,
  known: Value<Names>,
  names: Value<Names>,
): Runnable {
  return async ({ signal, healthy }) => {
    const update = () => names.set(new Map(known.current).set(id, addresses.current ?? []));
    healthy();
    const follow = (source: Value<unknown>) => async (ended: AbortSignal) => {
      for await (const _ of source.watch(ended)) update();
    };
    await together(signal, [follow(addresses), follow(known)]);
  };
}

/** Makes a new status whenever something that it is made of changes. */
async function followStatus(
  { addresses, isOpen, version, bootId, troubles, failure }: RolesOptions,
  status: Value<NodeStatus | undefined>,
  signal: AbortSignal,
): Promise<void> {
  const update = () => {
    const facts = { addresses: addresses.current ?? [], isCuratorOpen: isOpen.current === true };
    const wrong = { troubles: troubles.current ?? [], failure: failure.current?.text };
    status.set(nodeStatus({ ...facts, ...wrong, version, bootId }));
  };
  const follow = (source: Value<unknown>) => async (ended: AbortSignal) => {
    for await (const _ of source.watch(ended)) update();
  };
  await together(signal, [follow(addresses), follow(isOpen), follow(troubles), follow(failure)]);
}
