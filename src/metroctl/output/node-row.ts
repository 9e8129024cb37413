// A node as a row of `metroctl node describe`, and as a record for programs.
import { toJson } from "@bufbuild/protobuf";
import {
  type Node,
  Node_Health,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState, NodeTPMUsage } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import type { Row } from "./table.ts";

const tpmWords: Readonly<Record<NodeTPMUsage, string>> = {
  [NodeTPMUsage.NODE_TPM_INVALID]: "unk",
  [NodeTPMUsage.NODE_TPM_NOT_PRESENT]: "no",
  [NodeTPMUsage.NODE_TPM_PRESENT_BUT_UNUSED]: "unused",
  [NodeTPMUsage.NODE_TPM_PRESENT_AND_USED]: "yes",
};

/** One row, its columns in the order of the original. */
export function nodeRow(node: Node): Row {
  const version = versionText(node.status?.version);
  return {
    "node id": node.id,
    state: (NodeState[node.state] ?? "unknown").replace("NODE_STATE_", ""),
    address: node.status?.externalAddress || "unknown",
    health: Node_Health[node.health] ?? "unknown",
    roles: roleNames(node).join(","),
    tpm: tpmWords[node.tpmUsage] ?? "unk",
    ...(version === undefined ? {} : { version }),
    heartbeat: `${node.timeSinceHeartbeat?.seconds ?? 0n}s`,
    labels: (node.labels?.pairs ?? []).map(({ key, value }) => `${key}:${value}`).join(","),
  };
}

/** The columns of `node describe`, whether or not any node fills them. */
export const nodeColumns = [
  "node id",
  "state",
  "address",
  "health",
  "roles",
  "tpm",
  "version",
  "heartbeat",
  "labels",
] as const;

function roleNames({ roles }: Node): readonly string[] {
  return [
    roles?.consensusMember && "ConsensusMember",
    roles?.kubernetesController && "KubernetesController",
    roles?.kubernetesWorker && "KubernetesWorker",
  ].filter((name) => name !== undefined);
}

function versionText(version: Version | undefined): string | undefined {
  const release = version?.release;
  if (release === undefined) return undefined;
  const commit = version?.gitInformation?.commitHash.slice(0, 8) ?? "";
  const number = [release.major, release.minor, release.patch].join(".");
  return commit === "" ? number : `${number}.g${commit}`;
}

/** The whole node for programs, in proto's own JSON. */
export function nodeRecord(node: Node): unknown {
  return toJson(NodeSchema, node);
}
