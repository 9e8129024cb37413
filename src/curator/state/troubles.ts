// What is wrong with a node, in sentences for the operator: what it says itself, and what the
// leader sees. Each names the command that helps, where there is one.
import { equals } from "@bufbuild/protobuf";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { Node_Health as Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import { HardwareSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Leader } from "./leader.ts";
import type { CachedNode } from "./node-cache.ts";

/** What the troubles of a node are seen in. */
export type TroubleSources = Pick<Leader, "self" | "nodes" | "heartbeats" | "joinRefusals">;

/** All that is wrong with a node. */
export function troublesOf(sources: TroubleSources, cached: CachedNode): readonly string[] {
  const { id, node } = cached;
  const refusal = sources.joinRefusals.get(id);
  const isAsking = refusal !== undefined && node.roles?.consensusMember !== undefined;
  return [
    ...(isSilent(sources, cached) ? [silence(sources, cached)] : []),
    ...(isAsking ? [`it waits for its place in consensus: ${refusal}`] : []),
    ...(node.status?.troubles ?? []),
  ];
}

/** Whether a member of the cluster has not been heard of for too long. */
export function isSilent(
  { self, heartbeats }: Pick<TroubleSources, "self" | "heartbeats">,
  { id, node }: CachedNode,
): boolean {
  return id !== self && heartbeats.health(id, node.fsmState) === Health.HEARTBEAT_TIMEOUT;
}

/** What helps against a node that is silent. */
export function remedy({ id, node: { roles } }: CachedNode): string {
  const isUsed = [
    roles?.consensusMember,
    roles?.kubernetesController,
    roles?.kubernetesWorker,
  ].some((role) => role !== undefined);
  const flags = `${isUsed ? "--bypass-has-roles " : ""}--bypass-not-decommissioned`;
  return `switch it on; if it is gone, or was installed anew: metroctl node delete ${id} ${flags}`;
}

function silence({ nodes }: TroubleSources, cached: CachedNode): string {
  const heir = nodes.list().find((other) => isReinstallation(cached, other));
  const reason = heir === undefined ? "" : `; the same machine registered as ${heir.id} since`;
  return `it is silent${reason}: ${remedy(cached)}`;
}

/** Whether a node seems to be the machine of another one, as far as it can be seen. */
function isReinstallation({ node: before }: CachedNode, { node: after }: CachedNode): boolean {
  const [old, next] = [before.registration, after.registration];
  if (next?.hardware === undefined || !isLater(before, after)) return false;
  const places = [
    old?.address,
    before.status?.externalAddress,
    ...(before.status?.addresses ?? []),
  ];
  if (!places.includes(next.address)) return false;
  // The first node of a cluster has not registered.
  return old?.hardware === undefined || equals(HardwareSchema, old.hardware, next.hardware);
}

function isLater({ registration: old }: Readonly<Node>, { registration: next }: Readonly<Node>) {
  return (next?.time?.seconds ?? 0n) > (old?.time?.seconds ?? 0n);
}
