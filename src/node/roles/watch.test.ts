// Tests of following the cluster.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { sleep, Value } from "../../base/event/event.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import {
  type Node,
  NodeSchema,
  WatchEvent_Progress as Progress,
  WatchEventSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  ClusterDirectorySchema,
  type NodeRoles,
  NodeRolesSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import { testCluster } from "./test-cluster.ts";
import {
  applyEvent,
  describeRoles,
  directory,
  directoryNames,
  directoryOf,
  noteServing,
  ownRecord,
} from "./watch.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-watch-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function member(id: string, externalAddress: string): MessageInitShape<typeof NodeSchema> {
  const status = { externalAddress, runningCurator: { port: 7835 } };
  return { id, roles: { consensusMember: {} }, status };
}

function nodesOf(...all: readonly MessageInitShape<typeof NodeSchema>[]) {
  return new Map(all.map((init) => [init.id ?? "", create(NodeSchema, init)]));
}

test("describeRoles names all roles, or none", () => {
  const roles = create(NodeRolesSchema, { consensusMember: {}, kubernetesWorker: {} });
  expect(describeRoles(roles)).toBe("consensus member, Kubernetes worker");
  expect(describeRoles(create(NodeRolesSchema))).toBe("none");
});

test("ownRecord keeps the roles of this node, and writes them down", async () => {
  await using cluster = await testCluster();
  const path = join(folder, "roles.pb");
  const roles = new Value<NodeRoles>();
  const told = {
    addresses: new Value<readonly string[]>(),
    podRanges: new Value<readonly string[]>(),
  };
  const isUnlockKeyDue = new Value<boolean>();
  const record = { roles, ...told, isUnlockKeyDue };
  await using _ = testSupervisor(ownRecord(cluster.curator, "one", path, record));
  cluster.events.set({ nodes: [member("two", "10.1.0.3")] });
  const one = { podRanges: ["10.192.1.0/24"], isUnlockKeyDue: true };
  cluster.events.set({ nodes: [{ ...member("one", "10.1.0.2"), ...one }] });
  const own = await roles.first(AbortSignal.timeout(5_000));
  expect(own.consensusMember).toBeDefined();
  expect(told.addresses.current).toEqual(["10.1.0.2"]);
  expect(told.podRanges.current).toEqual(["10.192.1.0/24"]);
  expect(isUnlockKeyDue.current).toBe(true);
  expect(fromBinary(NodeRolesSchema, readFileSync(path))).toEqual(own);
  expect(cluster.watches).toEqual(["nodeInCluster"]);
});

test("applyEvent follows changes and deletions", () => {
  const nodes = new Map<string, Node>();
  const add = create(WatchEventSchema, { nodes: [member("one", "a"), member("two", "b")] });
  applyEvent(nodes, add);
  applyEvent(nodes, create(WatchEventSchema, { nodeTombstones: [{ nodeId: "one" }] }));
  expect([...nodes.keys()]).toEqual(["two"]);
});

test("applyEvent keeps no address that is none, whoever let it through", () => {
  const nodes = new Map<string, Node>();
  const bad = ["fe80::1%nope", "127.0.0.1", "10.1.0.2 other.name"];
  const add = bad.map((address) => member(address, address));
  applyEvent(nodes, create(WatchEventSchema, { nodes: [...add, member("good", "10.1.0.2")] }));
  const addresses = [...nodes.values()].map(({ status }) => status?.externalAddress);
  expect(addresses).toEqual(["", "", "", "10.1.0.2"]);
});

test("applyEvent and directoryOf keep every address that is one, in order", () => {
  const nodes = new Map<string, Node>();
  const addresses = ["127.0.0.1", "10.1.0.2", "fe80::1", "fd00::2"];
  const status = { externalAddress: "127.0.0.1", addresses };
  const one = { id: "one", roles: { consensusMember: {} }, status };
  applyEvent(nodes, create(WatchEventSchema, { nodes: [one] }));
  expect(nodes.get("one")?.status?.externalAddress).toBe("10.1.0.2");
  const hosts = directoryOf(nodes, new Set()).nodes[0]?.addresses.map(({ host }) => host);
  expect(hosts).toEqual(["10.1.0.2", "fd00::2"]);
});

test("directoryOf names members that can be reached, in order", () => {
  const all = [
    member("two", "10.1.0.3"),
    member("one", "10.1.0.2"),
    member("silent", ""),
    { id: "worker", roles: { kubernetesWorker: {} }, status: { externalAddress: "10.1.0.4" } },
    { id: "new", roles: { consensusMember: {} } },
  ];
  const found = directoryOf(nodesOf(...all), new Set(["two"])).nodes;
  expect(
    found.map(({ id, addresses, ...rest }) => [id, addresses[0]?.host, rest.consensusMember]),
  ).toEqual([
    ["one", "10.1.0.2", false],
    ["two", "10.1.0.3", true],
  ]);
});

test("noteServing keeps the word of a member that starts again, and takes it with the role", () => {
  const served = new Set<string>();
  const { id, roles } = member("one", "10.1.0.2");
  noteServing(
    served,
    nodesOf({ ...{ id: "two" }, ...(roles && { roles }) }, member("one", "10.1.0.2")),
  );
  expect([...served]).toEqual(["one"]);
  noteServing(served, nodesOf({ ...(id && { id }), ...(roles && { roles }) }));
  expect([...served]).toEqual(["one"]);
  noteServing(served, nodesOf({ ...(id && { id }) }));
  expect([...served]).toEqual([]);
});

test("directory is written once it is complete, and whenever it changes", async () => {
  await using cluster = await testCluster();
  const path = join(folder, "directory.pb");
  const whereabouts = new Whereabouts();
  const names = whereabouts.places;
  await using _ = testSupervisor(
    directory(cluster.curator, path, { whereabouts, peers: new Value(), owner: new Value() }),
  );
  const written = async (count: number) => {
    const read = () => fromBinary(ClusterDirectorySchema, readFileSync(path)).nodes.length;
    while (!existsSync(path) || read() !== count) await sleep(1, AbortSignal.timeout(5_000));
  };
  while (cluster.watches.length === 0) await sleep(1);
  cluster.events.set({ nodes: [member("one", "10.1.0.2")] });
  await sleep(20);
  expect(existsSync(path)).toBe(false);
  cluster.events.set({ progress: Progress.LAST_BACKLOGGED });
  await written(1);
  cluster.events.set({ nodes: [member("two", "10.1.0.3")] });
  await written(2);
  expect([...(names.current ?? [])]).toEqual([
    ["one", ["10.1.0.2"]],
    ["two", ["10.1.0.3"]],
  ]);
  expect(directoryNames(path)).toEqual(names.current ?? new Map());
  cluster.events.set({ nodeTombstones: [{ nodeId: "two" }] });
  await written(1);
  expect([...(names.current ?? [])]).toEqual([["one", ["10.1.0.2"]]]);
});
