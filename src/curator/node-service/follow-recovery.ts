// Curator.FollowRecovery: tells a consensus member which recovery epochs to hold, and
// hears which of them lie on its disk.
import type { Handler, ResponseInit } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type {
  Recovery_Epoch as Epoch,
  Recovery,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { noteStored } from "../recovery/epochs.ts";
import { callingMember, countReport } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { whileHearing } from "./while-hearing.ts";

type Answer = ResponseInit<typeof Curator.method.followRecovery>;

/** Answers with the epochs that the node shall hold, and again whenever they change. */
export function followRecovery(leader: Leader): Handler<typeof Curator.method.followRecovery> {
  return async function* (requests, call) {
    const { id } = callingMember(leader, call);
    yield* whileHearing(hear(leader, id, requests), call.signal, async function* (signal) {
      for await (const record of leader.recovery.watch(signal)) yield answer(leader, id, record);
    });
  };
}

async function hear(
  leader: Leader,
  id: string,
  requests: AsyncIterable<{ readonly storedEpochs: readonly bigint[] }>,
): Promise<void> {
  for await (const { storedEpochs } of requests) {
    countReport(leader, id);
    await leader.recovery.change((record) =>
      noteStored(record, id, storedEpochs) ? record : undefined,
    );
  }
}

function answer(leader: Leader, id: string, record: Readonly<Recovery>): Answer {
  const own = record.epochs.filter(({ members }) => members.some(({ nodeId }) => nodeId === id));
  return {
    epochs: own.map((epoch) => told(leader, id, epoch)),
    operatorPublicKey: record.operatorPublicKey,
  };
}

function told(leader: Leader, id: string, { members, ...epoch }: Epoch) {
  const own = members.find(({ nodeId }) => nodeId === id);
  const others = members.filter(({ nodeId }) => nodeId !== id);
  return {
    epoch: epoch.epoch,
    threshold: epoch.threshold,
    recoveryPublicKey: epoch.publicKey,
    share: own?.share ?? new Uint8Array(),
    // Nobody gets a share who is no node any more.
    peers: others.flatMap(({ nodeId }) => {
      const joinPublicKey = leader.nodes.get(nodeId)?.node.joinKey;
      return joinPublicKey === undefined ? [] : [{ nodeId, joinPublicKey }];
    }),
  };
}
