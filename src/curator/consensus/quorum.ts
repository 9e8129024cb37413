// Whether consensus can do without a member: what is left must be able to decide
// at once, or nobody could undo the removal.
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import type { Leader } from "../state/leader.ts";
import { memberOn, nodeOf } from "./consensus.ts";

/**
 * Returns if the node may leave consensus. Throws failedPrecondition, with the
 * reason, for the last vote, and where the healthy rest would be no majority.
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
  const silent = rest.filter((voter) => !isAlive(leader, voter));
  const needed = Math.floor(rest.length / 2) + 1;
  if (rest.length - silent.length >= needed) return;
  throw refused(
    `without it only ${rest.length - silent.length} of ${rest.length} consensus members would be healthy, ` +
      `and ${needed} are needed; not healthy: ${silent.join(", ")}`,
  );
}

/** Whether it keeps its vote: another one may be leaving already. */
function staysMember({ nodes }: Leader, id: string): boolean {
  return nodes.get(id)?.node.roles?.consensusMember !== undefined;
}

function isAlive({ self, nodes, heartbeats }: Leader, id: string): boolean {
  if (id === self) return true;
  const found = nodes.get(id);
  return found !== undefined && heartbeats.health(id, found.node.fsmState) === Node_Health.HEALTHY;
}

function refused(reason: string): RpcError {
  return new RpcError(Code.failedPrecondition, reason);
}
