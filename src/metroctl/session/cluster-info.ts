// What the cluster says about itself as a whole.
import type { ClusterConfiguration } from "../../gen/metropolis/proto/common/common_pb.ts";
import { UserError } from "../output/user-error.ts";
import type { Cluster } from "./cluster.ts";

/** The configuration as it is now. */
export async function configurationOf({ management }: Cluster): Promise<ClusterConfiguration> {
  const { clusterConfiguration } = await management.getClusterInfo({});
  if (clusterConfiguration === undefined)
    throw new UserError("the cluster did not tell its configuration: is metroctl newer than it?");
  return clusterConfiguration;
}
