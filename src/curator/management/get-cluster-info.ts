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
    const members = leader.nodes.list().filter(({ node }) => node.fsmState === NodeState.UP);
    return {
      // IDs begin as public keys do, so this is also the order of the keys.
      clusterDirectory: { nodes: members.slice(0, MOST_ENTRIES).map(directoryEntry) },
      caCertificate: certificate,
      clusterConfiguration,
    };
  };
}

function directoryEntry({ id, node: { status } }: CachedNode) {
  const host = status?.externalAddress ?? "";
  return { id, addresses: host === "" ? [] : [{ host }] };
}
