// Keeps the recovery epochs as members and policy demand. Done by the leader.
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  NodeState,
  ClusterConfiguration_RecoveryPolicy as Policy,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { nodeOf } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import {
  type Holder,
  type Holders,
  isFitting,
  isRelied,
  majority,
  prune,
  withNewEpoch,
} from "./epochs.ts";
import { reconcileUnlockKeys, rotate } from "./unlock-keys.ts";

/** Keeps all that cold starts and locked disks depend on; false where something is left. */
export async function reconcileRecovery(leader: Leader): Promise<boolean> {
  const isSettled = await reconcileEpochs(leader);
  await reconcileUnlockKeys(leader);
  return isSettled;
}

/**
 * Makes a new epoch where one is due; false while members have yet to store it, or while
 * etcd's members are not yet those that it is for.
 */
export async function reconcileEpochs(leader: Leader): Promise<boolean> {
  const { holders, isInEffect, isAmongUs } = await wanted(leader);
  if (holders.members.length === 0) return true;
  await leader.recovery.change(async (record) => {
    if (!isFitting(record, holders)) {
      leader.log.info(
        `Sharing a new recovery key among ${holders.members.length} consensus members, ` +
          (holders.threshold === 0
            ? "for the operator alone"
            : `${holders.threshold} of them open it`),
      );
      return withNewEpoch(record, holders);
    }
    // Until then the disks have to open for the members that there still are, too.
    const dropped = isInEffect ? prune(record, (id) => isSilent(leader, id)) : [];
    const isRotated = rotate(record, dropped, isAmongUs);
    if (isRotated) leader.log.info("All nodes get new cluster unlock keys");
    return dropped.length > 0 || isRotated ? record : undefined;
  });
  const { epochs, isRotationDue } = await leader.recovery.current();
  const newest = epochs.at(-1);
  return newest !== undefined && isRelied(newest) && isInEffect && !isRotationDue;
}

/**
 * Whether a member may get its vote, or be removed: only once those that will be members
 * then hold an epoch of their own, all that are not silent. Otherwise a cluster that is
 * switched off in the next moment could stay locked: its majority, which is another one
 * by then, would not have the shares that it takes.
 */
export async function isCovered(leader: Leader, id: string): Promise<boolean> {
  const { holders, isComplete } = await wanted(leader);
  // One that has not said yet how its share is to be encrypted has none.
  if (!isComplete) return false;
  if (holders.members.length === 0) return true;
  const record = await leader.recovery.current();
  const newest = record.epochs.at(-1);
  if (newest === undefined || !isFitting(record, holders)) return false;
  return isRelied(newest, (nodeId) => nodeId !== id && isSilent(leader, nodeId));
}

/** What one cannot wait for. */
function isSilent({ self, nodes, heartbeats }: Leader, id: string): boolean {
  const state = nodes.get(id)?.node.fsmState;
  if (id === self || state === undefined) return false;
  return heartbeats.health(id, state) === Node_Health.HEARTBEAT_TIMEOUT;
}

interface Wanted {
  /**
   * The members that etcd will have, learners too and without those that leave. Those whose disks
   * are not encrypted, too: by the epochs members know each other, and find each other at other
   * addresses.
   */
  readonly holders: Holders;
  /** Whether each of them can be given a share. */
  readonly isComplete: boolean;
  /** Whether these are all that etcd has already, each with its vote. */
  readonly isInEffect: boolean;
  /** Whether etcd has no member that it should not have: what is written stays among us. */
  readonly isAmongUs: boolean;
}

async function wanted(leader: Leader): Promise<Wanted> {
  const present = await leader.consensus.list();
  const lasting = present.map(nodeOf).filter((id) => isLasting(leader, id));
  const members = lasting.map((id) => holder(leader, id)).filter(isReachable);
  const { recoveryPolicy } = await loadConfiguration(leader.store);
  const isOperator = recoveryPolicy === Policy.OPERATOR;
  const isAmongUs = present.every((each) => hasRole(leader, nodeOf(each)));
  return {
    holders: {
      members: members.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      threshold: isOperator ? 0 : majority(members.length),
    },
    isComplete: members.length === lasting.length,
    isInEffect: isAmongUs && present.every(({ isLearner }) => !isLearner),
    isAmongUs,
  };
}

function holder({ nodes }: Leader, id: string): Holder {
  return { id, sharePublicKey: nodes.get(id)?.node.sharePublicKey ?? new Uint8Array() };
}

function isReachable({ sharePublicKey }: Holder): boolean {
  return sharePublicKey.length > 0;
}

function hasRole({ nodes }: Leader, id: string): boolean {
  return nodes.get(id)?.node.roles?.consensusMember !== undefined;
}

function isLasting(leader: Leader, id: string): boolean {
  return leader.nodes.get(id)?.node.fsmState === NodeState.UP && hasRole(leader, id);
}
