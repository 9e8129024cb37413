// Management.UpdateNodeLabels: sets and removes labels of a node.
import { create } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  Management,
  UpdateNodeLabelsRequest,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { type NodeLabels, NodeLabelsSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { isLabelKey, isLabelValue, MOST_LABELS, sortLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, namedId } from "../state/nodes.ts";

/** Applies all changes, or none. */
export function updateNodeLabels(
  leader: Leader,
): Handler<typeof Management.method.updateNodeLabels> {
  return async (request) => {
    const id = namedId(request.node);
    checkChanges(request);
    await changeNode(leader, id, ({ labels }) => ({
      fields: { labels: changedLabels(labels, request) },
    }));
    return {};
  };
}

function checkChanges(request: UpdateNodeLabelsRequest): void {
  const named = new Set<string>();
  for (const key of [...request.upsert.map(({ key }) => key), ...request.delete]) {
    if (!isLabelKey(key)) throw invalid(`invalid label key ${JSON.stringify(key)}`);
    if (named.has(key)) throw invalid(`label ${key} is named twice`);
    named.add(key);
  }
  for (const { key, value } of request.upsert) {
    if (!isLabelValue(value)) throw invalid(`invalid value of label ${key}`);
  }
}

function changedLabels(
  before: NodeLabels | undefined,
  request: UpdateNodeLabelsRequest,
): NodeLabels {
  const labels = new Map((before?.pairs ?? []).map(({ key, value }) => [key, { key, value }]));
  for (const key of request.delete) labels.delete(key);
  for (const { key, value } of request.upsert) labels.set(key, { key, value });
  if (labels.size > MOST_LABELS) {
    throw new RpcError(Code.outOfRange, `a node can have at most ${MOST_LABELS} labels`);
  }
  return create(NodeLabelsSchema, { pairs: sortLabels(labels.values()) });
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
