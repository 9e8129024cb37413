// Where the nodes of the cluster are, for those who have to find it again.
import { create } from "@bufbuild/protobuf";
import { allAddresses } from "../../base/format/reached.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
  NodeState,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { CachedNode, NodeCache } from "./node-cache.ts";

/** Enough to find the cluster again, and small enough for any medium. */
const MOST_ENTRIES = 15;

/** Nodes with an address by ID; consensus members, who serve the cluster, before all others. */
export function clusterDirectory(nodes: NodeCache): ClusterDirectory {
  const up = nodes
    .list()
    .filter(({ node }) => node.fsmState === NodeState.UP && node.status?.externalAddress);
  const all = [...up.filter(isMember), ...up.filter((each) => !isMember(each))];
  return create(ClusterDirectorySchema, { nodes: all.slice(0, MOST_ENTRIES).map(entry) });
}

/** The consensus members among them. */
export function memberDirectory(nodes: NodeCache): ClusterDirectory {
  const directory = clusterDirectory(nodes);
  return { ...directory, nodes: directory.nodes.filter((each) => each.consensusMember) };
}

/** With the role and a curator that has served: one that only joins could say nothing yet. */
function isMember({ node }: CachedNode): boolean {
  const { roles, status } = node;
  return roles?.consensusMember !== undefined && status?.runningCurator !== undefined;
}

function entry(each: CachedNode) {
  const addresses = allAddresses(each.node.status).map((host) => ({ host }));
  return { id: each.id, addresses, consensusMember: isMember(each) };
}
