// Management.GetClusterInfo: how the cluster is found, known and configured.
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Database,
  type Management,
  Database_State as State,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { nodeOf } from "../state/consensus.ts";
import { FULL_SHARE } from "../state/database-quota.ts";
import { clusterDirectory } from "../state/directory.ts";
import type { Leader } from "../state/leader.ts";

/** Gives directory, CA and configuration, and how full the database is. */
export function getClusterInfo(leader: Leader): Handler<typeof Management.method.getClusterInfo> {
  return async () => {
    const [{ certificate }, clusterConfiguration, database] = await Promise.all([
      leader.ca(),
      loadConfiguration(leader.store),
      loadDatabase(leader),
    ]);
    return {
      clusterDirectory: clusterDirectory(leader.nodes),
      caCertificate: certificate,
      clusterConfiguration,
      ...(database && { database }),
    };
  };
}

type DatabaseInit = Omit<Database, "$typeName">;

async function loadDatabase({ quota, consensus }: Leader): Promise<DatabaseInit | undefined> {
  const { size, isFull } = quota;
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
