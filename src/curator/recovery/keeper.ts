// Keeps the recovery epochs as members and policy demand. Done by the leader.
import {
  NodeState,
  ClusterConfiguration_RecoveryPolicy as Policy,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { nodeOf } from "../consensus/consensus.ts";
import { loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";
import { type Holders, isFitting, isStoredByAll, majority, prune, withNewEpoch } from "./epochs.ts";

/** Makes a new epoch where one is due; false while members have yet to store it. */
export async function settleRecovery(leader: Leader): Promise<boolean> {
  const holders = await wantedHolders(leader);
  if (holders.members.length === 0) return true;
  await leader.recovery.change(async (record) => {
    if (isFitting(record, holders)) return prune(record) ? record : undefined;
    leader.log.info(
      `Sharing a new recovery key among ${holders.members.length} consensus members, ` +
        (holders.threshold === 0
          ? "for the operator alone"
          : `${holders.threshold} of them open it`),
    );
    return withNewEpoch(record, holders);
  });
  const newest = (await leader.recovery.current()).epochs.at(-1);
  return newest !== undefined && isStoredByAll(newest);
}

/**
 * Whether a learner may get its vote: only once it and all others hold an epoch that it is
 * of. With votes that no epoch covers, a cluster that is switched off could stay locked.
 */
export async function isCovered(leader: Leader, id: string): Promise<boolean> {
  if (!isHolder(leader, id)) return true;
  const newest = (await leader.recovery.current()).epochs.at(-1);
  if (newest === undefined || !isStoredByAll(newest)) return false;
  return newest.members.some(({ nodeId }) => nodeId === id);
}

/** The members, learners too, whose disks are encrypted. */
async function wantedHolders(leader: Leader): Promise<Holders> {
  const members = (await leader.consensus.list())
    .map(nodeOf)
    .filter((id) => isHolder(leader, id))
    .toSorted();
  const { recoveryPolicy } = await loadConfiguration(leader.store);
  const isOperator = recoveryPolicy === Policy.OPERATOR;
  return { members, threshold: isOperator ? 0 : majority(members.length) };
}

function isHolder({ nodes }: Leader, id: string): boolean {
  const node = nodes.get(id)?.node;
  return (
    node?.fsmState === NodeState.UP &&
    node.roles?.consensusMember !== undefined &&
    node.clusterUnlockKey.length > 0
  );
}
