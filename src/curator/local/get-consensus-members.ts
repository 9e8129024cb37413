// CuratorLocal.GetConsensusMembers: who is a member of etcd, by the word of the etcd beside
// this curator. Whoever leads the control plane has no part in the answer.
import type { Handler } from "../../base/rpc/rpc.ts";
import type { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Consensus, nodeOf } from "../state/consensus.ts";
import { reached } from "../state/leader-store.ts";

/** Gives the nodes that etcd counts among its members. */
export function getConsensusMembers({
  list,
}: Pick<Consensus, "list">): Handler<typeof CuratorLocal.method.getConsensusMembers> {
  return async () => ({ nodeIds: (await reached(list())).map(nodeOf) });
}
