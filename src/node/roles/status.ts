// The status push: tells the cluster where this node is reached and what it runs.
import { create, equals } from "@bufbuild/protobuf";
import { sleep, type Value } from "../../base/event/event.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import { together } from "../control/control.ts";
import { CURATOR_PORT } from "./settings.ts";

/** What a status is made of. */
export interface StatusFacts {
  /** Empty while the network has none. */
  readonly address: string;
  readonly isCuratorOpen: boolean;
  readonly version: Version;
  /** As the kernel shows it, with hyphens. */
  readonly bootId: string;
}

/** The status of a node; undefined while it has no address, without which there is none. */
export function nodeStatus(facts: StatusFacts): NodeStatus | undefined {
  if (facts.address === "") return undefined;
  return create(NodeStatusSchema, {
    externalAddress: facts.address,
    version: facts.version,
    bootId: Uint8Array.fromHex(facts.bootId.replaceAll("-", "")),
    ...(facts.isCuratorOpen ? { runningCurator: { port: CURATOR_PORT } } : {}),
  });
}

/** Who has lost his address to somebody else asks for it again after so long. */
const AGAIN_MS = 1_000;

/**
 * Pushes each new status of the node to the cluster; again where the cluster, by `told`, has
 * another address than the node has told it.
 */
export function statusPush(
  curator: Client<typeof Curator>,
  nodeId: string,
  status: Value<NodeStatus | undefined>,
  told: Value<string>,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    let pushed: NodeStatus | undefined;
    const push = async (next: NodeStatus) => {
      await curator.updateNodeStatus({ nodeId, status: next }, { signal });
      log.info(`This node is reached at ${next.externalAddress}`);
      pushed = next;
    };
    const follow = async (ended: AbortSignal) => {
      for await (const next of status.watch(ended)) {
        if (next === undefined) continue;
        if (pushed === undefined || !equals(NodeStatusSchema, pushed, next)) await push(next);
      }
    };
    const repeat = async (ended: AbortSignal) => {
      for await (const address of told.watch(ended)) {
        if (pushed === undefined || address === pushed.externalAddress) continue;
        // What was pushed a moment ago may not have come back yet.
        await sleep(AGAIN_MS, ended);
        if (told.current !== pushed.externalAddress) await push(pushed);
      }
    };
    await together(signal, [follow, repeat]);
  };
}
