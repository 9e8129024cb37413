// Curator.GetConsensusStatus: who keeps the cluster's state.
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Curator,
  GetConsensusStatusResponse_EtcdMember_Status as Status,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";

/** Gives the members of etcd. */
export function getConsensusStatus({
  consensus,
}: Leader): Handler<typeof Curator.method.getConsensusStatus> {
  return async () => ({
    etcdMember: (await consensus.list()).map((member) => ({
      id: nodeOf(member),
      status: member.isLearner ? Status.LEARNER : Status.FULL,
    })),
  });
}
