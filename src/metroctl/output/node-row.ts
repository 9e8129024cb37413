// A node as a row of `metroctl node describe`, and as a record for programs.
import { toJson } from "@bufbuild/protobuf";
import {
  type Node,
  Node_Health,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  consensusWord,
  fingerprintOf,
  hardwareText,
  heartbeatWord,
  roleNames,
  stateWord,
  timeText,
  tpmWord,
  versionText,
} from "./node-words.ts";
import { printable } from "./printable.ts";
import type { Row } from "./table.ts";

/** The columns of `node describe`, whether or not any node fills them: the original's, then ours. */
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
  "consensus",
  "boot id",
  "troubles",
] as const;

/** One row. It has more cells than the table shows; `--columns` names them. */
export function nodeRow(node: Node): Row {
  const { status, registration } = node;
  const version = versionText(status?.version);
  return {
    "node id": node.id,
    state: stateWord(node),
    address: printable(status?.externalAddress || "unknown"),
    health: Node_Health[node.health] ?? "unknown",
    roles: roleNames(node).join(","),
    tpm: tpmWord(node),
    ...(version === undefined ? {} : { version }),
    heartbeat: heartbeatWord(node),
    labels: (node.labels?.pairs ?? []).map(({ key, value }) => `${key}:${value}`).join(","),
    consensus: consensusWord(node),
    troubles: (status?.troubles ?? []).map(printable).join("; "),
    "boot id": Buffer.from(status?.bootId ?? []).toString("hex"),
    fingerprint: fingerprintOf(node),
    hardware: hardwareText(registration?.hardware),
    registered: timeText(registration?.time),
    "registered from": printable(registration?.address ?? ""),
  };
}

/** The whole node for programs, in proto's own JSON. */
export function nodeRecord(node: Node): unknown {
  return toJson(NodeSchema, node);
}
