// Whether consensus can do without a member: what is left must be able to decide
// at once, or nobody could undo the removal.
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import { memberOn, nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";

/**
 * Returns if the node may leave consensus. Throws failedPrecondition, with the
 * reason, for the last vote, and where the healthy rest would be no majority; unavailable
 * while this leader is too new to know whether it would be one.
 * Hold the lock of consensus from here until the decision is written.
 */
export async function requireDispensable(leader: Leader, id: string): Promise<void> {
  const members = await leader.consensus.list();
  const own = memberOn(members, id);
  // Without a vote it is missed by nobody.
  if (own === undefined || own.isLearner) return;
  const voters = members.filter(({ isLearner }) => !isLearner).map(nodeOf);
  const rest = voters.filter((voter) => voter !== id && staysMember(leader, voter));
  if (rest.length === 0) {
    throw refused("it is the last consensus member; give the role to another node first");
  }
  const silent = rest.filter((voter) => health(leader, voter) !== Node_Health.HEALTHY);
  const needed = Math.floor(rest.length / 2) + 1;
  if (rest.length - silent.length >= needed) return;
  const missed = silent.filter((voter) => health(leader, voter) !== Node_Health.UNKNOWN);
  if (rest.length - missed.length >= needed) {
    throw new RpcError(Code.unavailable, "the leader is too new to know who is healthy; ask again");
  }
  throw refused(
    `without it only ${rest.length - silent.length} of ${rest.length} consensus members would be healthy, ` +
      `and ${needed} are needed; not healthy: ${silent.join(", ")}`,
  );
}

/** Whether it keeps its vote: another one may be leaving already. */
function staysMember({ nodes }: Leader, id: string): boolean {
  return nodes.get(id)?.node.roles?.consensusMember !== undefined;
}

function health({ self, nodes, heartbeats }: Leader, id: string): Node_Health {
  if (id === self) return Node_Health.HEALTHY;
  const state = nodes.get(id)?.node.fsmState;
  return state === undefined ? Node_Health.HEARTBEAT_TIMEOUT : heartbeats.health(id, state);
}

function refused(reason: string): RpcError {
  return new RpcError(Code.failedPrecondition, reason);
}
