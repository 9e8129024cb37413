// Curator.FollowRecovery: tells a consensus member which recovery epochs to hold, and
// hears which of them lie on its disk.
import { operatorBox } from "../../base/pki/operator-box.ts";
import { encryptTo } from "../../base/pki/sealed-box.ts";
import { Code, type Handler, type ResponseInit, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type {
  Recovery_Epoch as Epoch,
  Node,
  Recovery,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { noteStored } from "../recovery/epochs.ts";
import { callingMember } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { findNode } from "../state/nodes.ts";

type Answer = ResponseInit<typeof Curator.method.followRecovery>;

/** Answers with the epochs that the node shall hold, and again whenever they change. */
export function followRecovery(leader: Leader): Handler<typeof Curator.method.followRecovery> {
  return async function* (requests, call) {
    const { id } = callingMember(leader, call);
    const end = new AbortController();
    const signal = AbortSignal.any([call.signal, end.signal]);
    const hearing = hear(leader, id, requests).finally(() => end.abort());
    // It fails with the stream, whose reader is told by the other half.
    hearing.catch(() => {});
    try {
      for await (const record of leader.recovery.watch(signal)) {
        yield await answer(leader, id, record);
      }
    } catch (error) {
      if (!end.signal.aborted) throw error;
      await hearing;
    }
  };
}

async function hear(
  leader: Leader,
  id: string,
  requests: AsyncIterable<{ readonly storedEpochs: readonly bigint[] }>,
): Promise<void> {
  for await (const { storedEpochs } of requests) {
    if (!leader.reports.take(id)) {
      throw new RpcError(Code.resourceExhausted, `node ${id} reports too often, try later`);
    }
    await leader.recovery.change((record) =>
      noteStored(record, id, storedEpochs) ? record : undefined,
    );
  }
}

async function answer(leader: Leader, id: string, record: Readonly<Recovery>): Promise<Answer> {
  const { node } = findNode(leader, id);
  const own = record.epochs.filter(({ members }) => members.some(({ nodeId }) => nodeId === id));
  const { operatorPublicKey } = record;
  const telling = own.map((epoch) => told(leader, node, epoch, operatorPublicKey));
  return { epochs: await Promise.all(telling) };
}

async function told(leader: Leader, node: Readonly<Node>, epoch: Epoch, operatorKey: Uint8Array) {
  const { id, clusterUnlockKey } = node;
  const own = epoch.members.find(({ nodeId }) => nodeId === id);
  const content = { purpose: "cluster unlock key", nodeId: id } as const;
  const others = epoch.members.filter(({ nodeId }) => nodeId !== id);
  return {
    epoch: epoch.epoch,
    threshold: epoch.threshold,
    recoveryPublicKey: epoch.publicKey,
    encryptedClusterUnlockKey: await encryptTo(epoch.publicKey, content, clusterUnlockKey),
    operatorEncryptedClusterUnlockKey: await operatorBox(operatorKey, id, node),
    share: own?.share ?? new Uint8Array(),
    peers: others.map(({ nodeId }) => ({
      nodeId,
      joinPublicKey: leader.nodes.get(nodeId)?.node.joinKey ?? new Uint8Array(),
    })),
  };
}
