// The status push: tells the cluster where this node is reached and what it runs.
import { create, equals } from "@bufbuild/protobuf";
import type { Value } from "../../base/event/event.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
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

/** Pushes each new status of the node to the cluster. */
export function statusPush(
  curator: Client<typeof Curator>,
  nodeId: string,
  status: Value<NodeStatus | undefined>,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    let pushed: NodeStatus | undefined;
    for await (const next of status.watch(signal)) {
      if (next === undefined) continue;
      if (pushed !== undefined && equals(NodeStatusSchema, pushed, next)) continue;
      await curator.updateNodeStatus({ nodeId, status: next }, { signal });
      log.info(`This node is reached at ${next.externalAddress}`);
      pushed = next;
    }
  };
}
