// Curator.GetConsensusStatus: who keeps the cluster's state.
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Curator,
  GetConsensusStatusResponse_EtcdMember_Status as Status,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Leader } from "../state/leader.ts";

/** Gives the members of etcd. */
export function getConsensusStatus({
  members,
}: Leader): Handler<typeof Curator.method.getConsensusStatus> {
  return async () => ({
    etcdMember: (await members()).map(({ name, isLearner }) => ({
      id: name,
      status: isLearner ? Status.LEARNER : Status.FULL,
    })),
  });
}
