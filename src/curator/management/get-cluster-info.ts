// Management.GetClusterInfo: how the cluster is found, known and configured.
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Database,
  type Management,
  Database_State as State,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode } from "../state/node-cache.ts";
import { FULL_SHARE } from "../state/room.ts";

/** Enough to find the cluster again, and small enough for any medium. */
const MOST_ENTRIES = 15;

/** Gives directory, CA and configuration, and how full the database is. */
export function getClusterInfo(leader: Leader): Handler<typeof Management.method.getClusterInfo> {
  return async () => {
    const [{ certificate }, clusterConfiguration, database] = await Promise.all([
      leader.ca(),
      loadConfiguration(leader.store),
      loadDatabase(leader),
    ]);
    return {
      clusterDirectory: { nodes: reachable(leader).slice(0, MOST_ENTRIES).map(directoryEntry) },
      caCertificate: certificate,
      clusterConfiguration,
      ...(database && { database }),
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

type DatabaseInit = Omit<Database, "$typeName">;

async function loadDatabase({ room, consensus }: Leader): Promise<DatabaseInit | undefined> {
  const { size, isFull } = room;
  if (size === undefined) return undefined;
  const { fileBytes, usedBytes, quotaBytes, alarms } = size;
  const members = alarms.length === 0 ? [] : await consensus.list();
  const state = isFull ? State.FULL : State.OK;
  return {
    fileBytes: BigInt(fileBytes),
    usedBytes: BigInt(usedBytes),
    quotaBytes: BigInt(quotaBytes),
    fullBytes: BigInt(Math.floor(quotaBytes * FULL_SHARE)),
    state: alarms.length > 0 ? State.ALARM : state,
    alarmNodeIds: members.filter(({ id }) => alarms.includes(id)).map(nodeOf),
  };
}
