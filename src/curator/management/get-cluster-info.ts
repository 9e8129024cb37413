// Management.GetClusterInfo: how the cluster is found, known and configured.
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode } from "../state/node-cache.ts";

/** Enough to find the cluster again, and small enough for any medium. */
const MOST_ENTRIES = 15;

/** Gives directory, CA and configuration. */
export function getClusterInfo(leader: Leader): Handler<typeof Management.method.getClusterInfo> {
  return async () => {
    const [{ certificate }, clusterConfiguration] = await Promise.all([
      leader.ca(),
      loadConfiguration(leader.store),
    ]);
    return {
      clusterDirectory: { nodes: reachable(leader).slice(0, MOST_ENTRIES).map(directoryEntry) },
      caCertificate: certificate,
      clusterConfiguration,
    };
  };
}

/** Nodes with an address by ID; consensus members, who serve the cluster, before all others. */
function reachable({ nodes }: Leader): readonly CachedNode[] {
  const up = nodes
    .list()
    .filter(({ node }) => node.fsmState === NodeState.UP && node.status?.externalAddress);
  const isMember = ({ node }: CachedNode) => node.roles?.consensusMember !== undefined;
  return [...up.filter(isMember), ...up.filter((each) => !isMember(each))];
}

function directoryEntry({ id, node: { status } }: CachedNode) {
  const host = status?.externalAddress ?? "";
  return { id, addresses: host === "" ? [] : [{ host }] };
}
