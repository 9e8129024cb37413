// What the cluster says about nodes, followed: this node's own roles, and the
// directory of those that can be asked when this node comes back from a reboot.
import { existsSync, readFileSync } from "node:fs";
import { create, equals, toBinary } from "@bufbuild/protobuf";
import type { Value } from "../../base/event/event.ts";
import { hostAddressFault } from "../../base/format/host-address.ts";
import { allAddresses } from "../../base/format/reached.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import {
  type Curator,
  type Node,
  WatchEvent_Progress as Progress,
  type WatchEvent,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
  type NodeRoles,
  NodeRolesSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";

import { type MeshPeer, meshPeers } from "../mesh/mesh.ts";
import type { Names } from "../network/hosts.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import { knownAt, readDirectory } from "./connection.ts";
import { withPlaces } from "./directory-follows.ts";

/** The roles as words, for the log. */
export function describeRoles(roles: NodeRoles): string {
  const words = [
    ...(roles.consensusMember === undefined ? [] : ["consensus member"]),
    ...(roles.kubernetesController === undefined ? [] : ["Kubernetes controller"]),
    ...(roles.kubernetesWorker === undefined ? [] : ["Kubernetes worker"]),
  ];
  return words.length === 0 ? "none" : words.join(", ");
}

/** What the cluster says of this node. */
export interface OwnRecord {
  readonly roles: Value<NodeRoles>;
  /** Where it is reached, best first; none where the cluster knows of no address. */
  readonly addresses: Value<readonly string[]>;
  /** The networks of its pods. */
  readonly podRanges: Value<readonly string[]>;
  /** Whether another unlock key waits for it; set whenever the record is told. */
  readonly isUnlockKeyDue: Value<boolean>;
}

/** Follows the record of this node, and keeps its roles in a file for a start without a cluster. */
export function ownRecord(
  curator: Client<typeof Curator>,
  nodeId: string,
  path: string,
  { roles, addresses, podRanges, isUnlockKeyDue }: OwnRecord,
): Runnable {
  return async ({ signal, log, healthy }) => {
    const kind = { case: "nodeInCluster", value: { nodeId } } as const;
    let isFirst = true;
    for await (const { nodes } of curator.watch({ kind }, { signal })) {
      if (isFirst) healthy();
      isFirst = false;
      const own = nodes.find(({ id }) => id === nodeId);
      const next = own?.roles;
      if (own === undefined || next === undefined) continue;
      isUnlockKeyDue.set(own.isUnlockKeyDue);
      const reached = allAddresses(own.status);
      if (addresses.current?.join() !== reached.join()) addresses.set(reached);
      if (podRanges.current?.join() !== own.podRanges.join()) podRanges.set(own.podRanges);
      if (roles.current !== undefined && equals(NodeRolesSchema, roles.current, next)) continue;
      await writeFileAtomic(path, toBinary(NodeRolesSchema, next));
      log.info(`Roles of this node: ${describeRoles(next)}`);
      roles.set(next);
    }
  };
}

/** Brings a set of nodes up to date with an event. */
export function applyEvent(nodes: Map<string, Node>, event: WatchEvent): void {
  for (const node of event.nodes) nodes.set(node.id, reachable(node));
  for (const { nodeId } of event.nodeTombstones) nodes.delete(nodeId);
}

/** A node, without addresses that are none: they would become names, peers and targets. */
function reachable(node: Node): Node {
  const { status } = node;
  const all = allAddresses(status);
  const addresses = all.filter((address) => hostAddressFault(address) === undefined);
  if (status === undefined || addresses.length === all.length) return node;
  return { ...node, status: { ...status, externalAddress: addresses[0] ?? "", addresses } };
}

/**
 * The members of the control plane that have an address, in the order of their IDs. Those in
 * `served` have a word in who leads: they serve, or did so before they were started again.
 */
export function directoryOf(
  nodes: ReadonlyMap<string, Node>,
  served: ReadonlySet<string>,
): ClusterDirectory {
  const members = [...nodes.values()]
    .filter(({ roles }) => roles?.consensusMember !== undefined)
    .filter(({ status }) => status !== undefined && status.externalAddress !== "")
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return create(ClusterDirectorySchema, {
    nodes: members.map(({ id, status }) => ({
      id,
      addresses: allAddresses(status).map((host) => ({ host })),
      consensusMember: served.has(id),
    })),
  });
}

/** Brings the members that have served since they got the role up to date. */
export function noteServing(served: Set<string>, nodes: ReadonlyMap<string, Node>): void {
  for (const id of served)
    if (nodes.get(id)?.roles?.consensusMember === undefined) served.delete(id);
  for (const { id, roles, status } of nodes.values()) {
    if (roles?.consensusMember !== undefined && status?.runningCurator !== undefined)
      served.add(id);
  }
}

/** Where the nodes in a directory file were last; none where it cannot be read. */
export function directoryNames(path: string): Names {
  const { nodes = [] } = readDirectory(path) ?? {};
  return new Map(nodes.map(({ id, addresses }) => [id, addresses.map(({ host }) => host)]));
}

function namesOf(nodes: ReadonlyMap<string, Node>): Names {
  return new Map([...nodes.values()].map(({ id, status }) => [id, allAddresses(status)]));
}

/** What is heard of the cluster as a whole. */
export interface ClusterNews {
  /** Told where all nodes are. */
  readonly whereabouts: Whereabouts;
  readonly peers: Value<readonly MeshPeer[]>;
  /** The public key of the owner. */
  readonly owner: Value<Uint8Array>;
}

/** Keeps the directory on the ESP up to date, the names of all nodes, and who owns them. */
export function directory(
  curator: Client<typeof Curator>,
  path: string,
  { whereabouts, peers, owner }: ClusterNews,
): Runnable {
  return async ({ signal, log, healthy }) => {
    const kind = { case: "nodesInCluster", value: {} } as const;
    const nodes = new Map<string, Node>();
    const served = new Set(knownAt(path).members);
    let isComplete = false;
    for await (const event of curator.watch({ kind }, { signal })) {
      applyEvent(nodes, event);
      if (event.ownerPublicKey.length > 0) owner.set(event.ownerPublicKey);
      if (!isComplete && event.progress !== Progress.LAST_BACKLOGGED) continue;
      if (!isComplete) healthy();
      isComplete = true;
      whereabouts.tell(namesOf(nodes));
      peers.set(meshPeers(nodes.values()));
      noteServing(served, nodes);
      const next = withPlaces(directoryOf(nodes, served), whereabouts.places.current ?? new Map());
      if (await saveDirectory(path, next)) log.info("Saved the cluster directory");
    }
  };
}

/** Writes the directory if it says something new; one without a member would lead nowhere. */
async function saveDirectory(path: string, next: ClusterDirectory): Promise<boolean> {
  if (!next.nodes.some(({ consensusMember }) => consensusMember)) return false;
  const bytes = toBinary(ClusterDirectorySchema, next);
  if (existsSync(path) && Buffer.compare(readFileSync(path), bytes) === 0) return false;
  await writeFileAtomic(path, bytes);
  return true;
}
