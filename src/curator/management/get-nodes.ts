// Management.GetNodes: shows operators the nodes that they ask for.
import { create } from "@bufbuild/protobuf";
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Management,
  type Node,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { nodeFilter } from "../filter/filter.ts";
import { sortLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode } from "../state/node-cache.ts";

/** How long filtering may keep everyone else waiting. */
const SLICE_MS = 5;

/** Gives the nodes for which the filter holds, as they were when the call began. */
export function getNodes(leader: Leader): Handler<typeof Management.method.getNodes> {
  return async function* ({ filter }) {
    const isWanted = nodeFilter(filter);
    // While our leadership lasts nobody else writes, so the cache is up to date.
    await leader.store.confirm();
    let slice = performance.now();
    // The list is a snapshot: a slow reader holds up only himself.
    for (const cached of leader.nodes.list()) {
      const node = shownNode(leader, cached);
      if (isWanted(node)) yield node;
      if (performance.now() - slice < SLICE_MS) continue;
      await Bun.sleep(0);
      slice = performance.now();
    }
  };
}

/** A node as operators see it. */
function shownNode({ heartbeats }: Leader, { id, node }: CachedNode): Node {
  const { roles } = node;
  return create(NodeSchema, {
    id,
    pubkey: node.publicKey,
    state: node.fsmState,
    // Data of roles is for nodes only: here they are just marked.
    roles: {
      ...(roles?.kubernetesWorker && { kubernetesWorker: {} }),
      ...(roles?.consensusMember && { consensusMember: {} }),
      ...(roles?.kubernetesController && { kubernetesController: {} }),
    },
    ...(node.status && { status: node.status }),
    health: heartbeats.health(id, node.fsmState),
    timeSinceHeartbeat: heartbeats.since(id),
    tpmUsage: node.tpmUsage,
    labels: { pairs: sortLabels(node.labels?.pairs ?? []) },
  });
}
