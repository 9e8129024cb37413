// Management.GetNodes: shows operators the nodes that they ask for.
import { create } from "@bufbuild/protobuf";
import type { Member } from "../../base/etcd/etcd.ts";
import { shortFingerprint } from "../../base/pki/node-id.ts";
import type { Handler } from "../../base/rpc/rpc.ts";
import {
  type Management,
  type Node,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { nodeFilter } from "../filter/filter.ts";
import { consensusStatus } from "../state/consensus.ts";
import { sortLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode } from "../state/node-cache.ts";
import { troublesOf } from "../state/troubles.ts";

/** How long filtering may keep everyone else waiting. */
const SLICE_MS = 5;

/** Gives the nodes for which the filter holds, as they were when the call began. */
export function getNodes(leader: Leader): Handler<typeof Management.method.getNodes> {
  return async function* ({ filter }) {
    const isWanted = nodeFilter(filter);
    // While our leadership lasts nobody else writes, so the cache is up to date.
    await leader.store.confirm();
    const members = await leader.consensus.list().catch(unknown);
    let slice = performance.now();
    // The list is a snapshot: a slow reader holds up only himself.
    for (const cached of leader.nodes.list()) {
      const node = shownNode(leader, cached, members);
      if (isWanted(node)) yield node;
      if (performance.now() - slice < SLICE_MS) continue;
      await Bun.sleep(0);
      slice = performance.now();
    }
  };
}

/** etcd cannot be asked: nodes are shown all the same, without what it knows of them. */
function unknown(): undefined {
  return undefined;
}

/** A node as operators see it. */
function shownNode(
  leader: Leader,
  cached: CachedNode,
  members: readonly Member[] | undefined,
): Node {
  const { heartbeats } = leader;
  const { id, node } = cached;
  const { roles, status } = node;
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
    ...(status && { status: { ...status, troubles: [...troublesOf(leader, cached)] } }),
    health: heartbeats.health(id, node.fsmState),
    timeSinceHeartbeat: heartbeats.since(id),
    tpmUsage: node.tpmUsage,
    ...(node.registration && { registration: shownRegistration(node) }),
    ...(roles?.consensusMember &&
      members && { consensusStatus: consensusStatus(members, id, status?.isConsensusFailing) }),
    podRanges: node.podRanges,
    labels: { pairs: sortLabels(node.labels?.pairs ?? []) },
  });
}

function shownRegistration({ registration, publicKey }: CachedNode["node"]) {
  const { address = "", hardware, time } = registration ?? {};
  const fingerprint = shortFingerprint(publicKey);
  return { address, fingerprint, ...(hardware && { hardware }), ...(time && { time }) };
}
