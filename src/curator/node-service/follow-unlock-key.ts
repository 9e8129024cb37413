// Curator.FollowUnlockKey: gives a node another cluster unlock key, and takes that for the
// only one as soon as the node's disk opens with it.
import { fromBinary } from "@bufbuild/protobuf";
import { keyCheck } from "../../base/pki/key-check.ts";
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type Node,
  NodeSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { afterReport } from "../recovery/unlock-keys.ts";
import { callingNode, countReport } from "../state/callers.ts";
import { keys } from "../state/keys.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode } from "../state/nodes.ts";
import { whileHearing } from "./while-hearing.ts";

/** Answers with what the node's disk shall open with, and again whenever that changes. */
export function followUnlockKey(leader: Leader): Handler<typeof Curator.method.followUnlockKey> {
  return async function* (requests, call) {
    const { id } = callingNode(call);
    findNode(leader, id);
    yield* whileHearing(hear(leader, id, requests), call.signal, (signal) =>
      tell(leader, id, signal),
    );
  };
}

async function hear(
  leader: Leader,
  id: string,
  requests: AsyncIterable<{ readonly check: Uint8Array }>,
): Promise<void> {
  for await (const { check } of requests) {
    countReport(leader, id);
    const { unlockKeyGeneration } = await leader.recovery.current();
    await changeNode(leader, id, (node) => {
      const fields = afterReport(node, check, unlockKeyGeneration);
      if (fields === undefined) return {};
      if (fields.clusterUnlockKey) leader.log.info(`Node ${id} has a new cluster unlock key`);
      return { fields };
    });
  }
}

async function* tell(leader: Leader, id: string, signal: AbortSignal) {
  let told: Readonly<Node> | undefined;
  for await (const { nodes } of leader.nodes.watch(id, signal)) {
    const node = nodes.find((each) => each.id === id)?.node;
    if (node === undefined || (told !== undefined && isSame(told, node))) continue;
    // Not from the cache, which may be late: of an old key that is told as the only one the
    // node would believe that, and close its disk to the present one.
    const item = await leader.store.get(keys.node(id));
    if (item === undefined) continue;
    told = fromBinary(NodeSchema, item.value);
    const { clusterUnlockKey: present, nextClusterUnlockKey } = told;
    yield { check: present.length > 0 ? keyCheck(present) : present, nextClusterUnlockKey };
  }
}

function isSame(one: Readonly<Node>, other: Readonly<Node>): boolean {
  return (["clusterUnlockKey", "nextClusterUnlockKey"] as const).every(
    (key) => Buffer.compare(one[key], other[key]) === 0,
  );
}
