// The names that clients of the original know: numbers alone make a wire format, but JSON, CEL,
// reflection and text formats speak in names.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "@bufbuild/protobuf";
import { file_metropolis_node_core_curator_proto_api_api as curator } from "../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { file_metropolis_node_core_curator_proto_private_storage as storage } from "../src/gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { file_metropolis_proto_api_management as management } from "../src/gen/metropolis/proto/api/management_pb.ts";
import { file_metropolis_proto_common_common as common } from "../src/gen/metropolis/proto/common/common_pb.ts";
import { file_osbase_logtree_proto_logtree as logtree } from "../src/gen/osbase/logtree/proto/logtree_pb.ts";
import { file_osbase_net_proto_net as net } from "../src/gen/osbase/net/proto/net_pb.ts";

const registry = createRegistry(curator, storage, management, common, logtree, net);

const listed = readFileSync(join(import.meta.dir, "wire-names.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

test.each(listed)("the wire knows `%s`", (line) => {
  const [type = "", number = "", name = ""] = line.split(" ");
  const values = registry.getEnum(type)?.values ?? [];
  expect(values.find((value) => value.number === Number(number))?.name).toBe(name);
});

/** Fields of a message: number, name and what it holds. */
function fields(type: string): readonly string[] {
  const found = registry.getMessage(type)?.fields ?? [];
  return found.map((field) => {
    const held = field.message?.typeName ?? field.enum?.typeName ?? "scalar";
    return `${field.number} ${field.name} ${held}`;
  });
}

test("filters of logs are a message of all interfaces", () => {
  const filter = "metropolis.proto.common.LogFilter";
  expect(fields(filter)).toEqual([
    `1 with_children ${filter}.WithChildren`,
    `3 only_raw ${filter}.OnlyRaw`,
    `4 only_leveled ${filter}.OnlyLeveled`,
    `5 leveled_with_minimum_severity ${filter}.LeveledWithMinimumSeverity`,
  ]);
  expect(fields(`${filter}.LeveledWithMinimumSeverity`)).toEqual([
    "1 minimum osbase.logtree.proto.LeveledLogSeverity",
  ]);
  expect(fields("metropolis.proto.api.LogsRequest")).toContain(`2 filters ${filter}`);
});

test("heartbeats are named after their method", () => {
  const service = registry.getService("metropolis.node.core.curator.proto.api.Curator");
  const method = service?.methods.find(({ name }) => name === "Heartbeat");
  expect([method?.input.name, method?.output.name]).toEqual([
    "HeartbeatRequest",
    "HeartbeatResponse",
  ]);
});

test("the reconciler's versions are versions", () => {
  const status = "metropolis.node.core.curator.proto.private.KubernetesReconcilerStatus";
  expect(fields(status)).toContain("2 version version.spec.Version");
  expect(fields(status)).toContain("3 minimum_compatible_release version.spec.Version.Release");
});
