// Keeps the recovery epochs as members and policy demand. Done by the leader.
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  NodeState,
  ClusterConfiguration_RecoveryPolicy as Policy,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import { type Holders, isFitting, isStoredByAll, majority, prune, withNewEpoch } from "./epochs.ts";

/**
 * Makes a new epoch where one is due; false while members have yet to store it, or while
 * etcd's members are not yet those that it is for.
 */
export async function settleRecovery(leader: Leader): Promise<boolean> {
  const { holders, isInEffect } = await wanted(leader);
  if (holders.members.length === 0) return true;
  await leader.recovery.change(async (record) => {
    // Until then the disks have to open for the members that there still are, too.
    if (isFitting(record, holders)) return isInEffect && prune(record) ? record : undefined;
    leader.log.info(
      `Sharing a new recovery key among ${holders.members.length} consensus members, ` +
        (holders.threshold === 0
          ? "for the operator alone"
          : `${holders.threshold} of them open it`),
    );
    return withNewEpoch(record, holders);
  });
  const newest = (await leader.recovery.current()).epochs.at(-1);
  return newest !== undefined && isStoredByAll(newest) && isInEffect;
}

/**
 * Whether a member may get its vote, or be removed: only once those that will be members
 * then hold an epoch of their own, all that are not silent. Otherwise a cluster that is
 * switched off in the next moment could stay locked: its majority, which is another one
 * by then, would not have the shares that it takes.
 */
export async function isCovered(leader: Leader, id: string): Promise<boolean> {
  const { holders } = await wanted(leader);
  if (holders.members.length === 0) return true;
  const record = await leader.recovery.current();
  const newest = record.epochs.at(-1);
  if (newest === undefined || !isFitting(record, holders)) return false;
  return newest.members.every(
    ({ nodeId, isStored }) => isStored || (nodeId !== id && isSilent(leader, nodeId)),
  );
}

/** What one cannot wait for. */
function isSilent({ self, nodes, heartbeats }: Leader, id: string): boolean {
  const state = nodes.get(id)?.node.fsmState;
  if (id === self || state === undefined) return false;
  return heartbeats.health(id, state) === Node_Health.HEARTBEAT_TIMEOUT;
}

/**
 * The members that etcd will have, learners too and without those that leave, as far as their
 * disks are encrypted; and whether these are all that it has already, each with its vote.
 */
async function wanted(leader: Leader): Promise<{ holders: Holders; isInEffect: boolean }> {
  const present = await leader.consensus.list();
  const members = present
    .map(nodeOf)
    .filter((id) => isHolder(leader, id))
    .toSorted();
  const { recoveryPolicy } = await loadConfiguration(leader.store);
  const isOperator = recoveryPolicy === Policy.OPERATOR;
  return {
    holders: { members, threshold: isOperator ? 0 : majority(members.length) },
    isInEffect: present.every((each) => !each.isLearner && hasRole(leader, nodeOf(each))),
  };
}

function hasRole({ nodes }: Leader, id: string): boolean {
  return nodes.get(id)?.node.roles?.consensusMember !== undefined;
}

function isHolder({ nodes }: Leader, id: string): boolean {
  const node = nodes.get(id)?.node;
  return (
    node?.fsmState === NodeState.UP &&
    node.roles?.consensusMember !== undefined &&
    node.clusterUnlockKey.length > 0
  );
}
