// Makes the members of etcd those that the nodes' roles demand:
//
//   learner in sync ──► voter         member without node or role ──► removed
//
// Both only once the members that will be there then hold shares of a recovery key. The
// certificates of those that were removed are revoked.
//
// Only the leader does it, and never to itself: it gives its leadership to
// another member first, who does it then. Each step is safe to repeat, so that
// a new leader goes on wherever the last one was.
import type { Member } from "../../base/etcd/etcd.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { isCovered, reconcileEpochs } from "../recovery/reconcile-recovery.ts";
import { memberOn, nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";
import { reconcileRevocations } from "./revocations.ts";

/** Makes members as they should be, as far as that is possible now; false where it is not. */
export function reconcileMembership(leader: Leader): Promise<boolean> {
  return leader.consensusLock.hold(() => reconcileMembers(leader));
}

async function reconcileMembers(leader: Leader): Promise<boolean> {
  // There is no cluster yet that could demand anything.
  if (leader.nodes.list().length === 0) return true;
  const members = await leader.consensus.list();
  // A node with the role that is no member yet may become one at any moment.
  let isSettled = leader.nodes
    .list()
    .every(({ id }) => !isWanted(leader, id) || memberOn(members, id) !== undefined);
  for (const member of members) {
    if (!(await reconcileMember(leader, member))) isSettled = false;
  }
  await reconcileRevocations(leader);
  return (await reconcileDecommissions(leader)) && isSettled;
}

async function reconcileMember(leader: Leader, member: Member): Promise<boolean> {
  const id = nodeOf(member);
  const isWelcome = isWanted(leader, id);
  if (isWelcome && !member.isLearner) return true;
  if (!isWelcome && id === leader.self) return giveWay(leader);
  // Those that will be members then have to be able to open their disks together.
  await reconcileEpochs(leader);
  if (!(await isCovered(leader, id))) return false;
  // One that was replaced meanwhile, or has resigned just now, must change nothing any more.
  await leader.store.confirm();
  if (isWelcome) return promote(leader, member);
  await leader.consensus.remove(member.id);
  leader.log.info(`Node ${id} is no consensus member any more`);
  return true;
}

/** Never done: it is for the next leader to remove this member, if there can be one. */
async function giveWay(leader: Leader): Promise<false> {
  const members = await leader.consensus.list();
  const hasHeir = members.some((each) => !each.isLearner && isWanted(leader, nodeOf(each)));
  if (!hasHeir) return false;
  leader.log.info("This node leaves consensus: another one shall lead");
  await leader.resign();
  return false;
}

function isWanted({ nodes }: Leader, id: string): boolean {
  return nodes.get(id)?.node.roles?.consensusMember !== undefined;
}

/** False while the learner has yet to catch up, which only etcd can tell. */
async function promote({ consensus, log }: Leader, member: Member): Promise<boolean> {
  try {
    await consensus.promote(member.id);
    log.info(`Node ${nodeOf(member)} has a vote in consensus`);
    return true;
  } catch (error) {
    if (error instanceof RpcError && error.code === Code.failedPrecondition) return false;
    throw error;
  }
}

/** Nodes that lose their roles for good, and have none left. */
async function reconcileDecommissions(leader: Leader): Promise<boolean> {
  const leaving = leader.nodes.list().filter(({ node }) => node.decommissioning);
  if (leaving.length === 0) return true;
  const members = await leader.consensus.list();
  const drained = leaving.filter(({ id }) => memberOn(members, id) === undefined);
  for (const { id } of drained) {
    await changeNode(leader, id, () => ({
      fields: { fsmState: NodeState.DECOMMISSIONED, decommissioning: false },
    }));
  }
  return drained.length === leaving.length;
}
