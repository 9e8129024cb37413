// Tests of the directory.
import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { clusterDirectory, memberDirectory } from "./directory.ts";
import { keys } from "./keys.ts";
import { NodeCache } from "./node-cache.ts";

const { UP, NEW, DECOMMISSIONED } = NodeState;

/** Nodes by name: members begin with m, those that serve have a digit. */
function cacheOf(...names: readonly (readonly [string, NodeState, string])[]): NodeCache {
  const cache = new NodeCache();
  for (const [id, fsmState, externalAddress] of names) {
    const roles = id.startsWith("m") ? { consensusMember: {} } : {};
    const serving = /\d/.test(id) ? { runningCurator: { port: 7835 } } : {};
    const status = { externalAddress, ...serving };
    const node = create(NodeSchema, { id, fsmState, roles, status });
    cache.take({ key: keys.node(id), value: toBinary(NodeSchema, node), modRevision: 1n });
  }
  return cache;
}

test("clusterDirectory names members first, and only nodes that are part of the cluster", () => {
  const cache = cacheOf(
    ["a", UP, "10.0.0.1"],
    ["m1", UP, "10.0.0.2"],
    ["m2", UP, ""],
    ["m3", DECOMMISSIONED, "10.0.0.3"],
    ["m joining", UP, "10.0.0.5"],
    ["n", NEW, "10.0.0.4"],
  );
  const said = clusterDirectory(cache).nodes.map(({ id, addresses, consensusMember }) => [
    id,
    addresses[0]?.host,
    consensusMember,
  ]);
  expect(said).toEqual([
    ["m1", "10.0.0.2", true],
    ["a", "10.0.0.1", false],
    ["m joining", "10.0.0.5", false],
  ]);
});

test("memberDirectory names members alone", () => {
  const cache = cacheOf(["a", UP, "10.0.0.1"], ["m1", UP, "10.0.0.2"]);
  expect(memberDirectory(cache).nodes.map(({ id }) => id)).toEqual(["m1"]);
});
