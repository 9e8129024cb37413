// Makes the members of etcd those that the nodes' roles demand:
//
//   learner in sync ──► voter         member without node or role ──► removed
//
// Only the leader does it, and never to itself: it gives its leadership to
// another member first, who does it then. Each step is safe to repeat, so that
// a new leader goes on wherever the last one was.
import type { Member } from "../../base/etcd/etcd.ts";
import { sleep, type Value } from "../../base/event/event.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode } from "../state/nodes.ts";
import { memberOn, nodeOf } from "./consensus.ts";

/** How soon unfinished work is looked at again. */
const RETRY_MS = 500;
/** How often members are looked at when nothing has changed: a lost message must not matter. */
const IDLE_MS = 15_000;

/** Keeps the members as they should be, while this member leads. */
export function membershipKeeper(leading: Value<Leader | undefined>): Runnable {
  return async ({ signal, healthy, log }) => {
    healthy();
    for (;;) {
      const leader = await leading.first(signal, (each) => each !== undefined);
      if (leader === undefined) continue;
      const isSettled = await settle(leader, log);
      await waitForWork(leader, leading, isSettled ? IDLE_MS : RETRY_MS, signal);
    }
  };
}

/** Returns at the next change of a node or of leadership, or after a while. */
async function waitForWork(
  { nodes }: Leader,
  leading: Value<Leader | undefined>,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  const present = leading.current;
  const ignored = () => {};
  await Promise.race([
    sleep(limitMs, either),
    nodes.changed(either),
    leading.first(either, (each) => each !== present).then(ignored),
  ]).finally(() => end.abort());
  signal.throwIfAborted();
}

/** Does what there is to do; false where something is left. */
async function settle(leader: Leader, log: Context["log"]): Promise<boolean> {
  try {
    return await leader.consensusLock.hold(() => settleMembers(leader));
  } catch (error) {
    // etcd may be busy electing, or refuse what would cost it its quorum: again later.
    if (!(error instanceof RpcError)) throw error;
    if (error.code !== Code.unavailable) log.warning(`Members of consensus: ${error.message}`);
    return false;
  }
}

async function settleMembers(leader: Leader): Promise<boolean> {
  // One that was replaced without noticing must not decide on old news.
  await leader.store.confirm();
  // There is no cluster yet that could demand anything.
  if (leader.nodes.list().length === 0) return true;
  const members = await leader.consensus.list();
  let isSettled = true;
  for (const member of members) {
    if (!(await settleMember(leader, member))) isSettled = false;
  }
  return (await settleDecommissions(leader)) && isSettled;
}

async function settleMember(leader: Leader, member: Member): Promise<boolean> {
  const id = nodeOf(member);
  if (isWanted(leader, id)) return member.isLearner ? promote(leader, member) : true;
  if (id === leader.self) return giveWay(leader);
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
async function settleDecommissions(leader: Leader): Promise<boolean> {
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
