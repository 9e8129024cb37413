// Tests of the status push.
import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { sleep, Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { formatEntry, LogTree } from "../../base/logtree/logtree.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { parseVersion } from "../host/version.ts";
import { nodeStatus, statusPush } from "./status.ts";
import { testCluster } from "./test-cluster.ts";

const facts = {
  addresses: ["10.1.0.2"],
  isCuratorOpen: true,
  version: parseVersion("VERSION_ID=0.1.0\n"),
  bootId: "8a4b0a4e-7f2f-4a3b-9d53-2f6d2f9a1c11",
  troubles: ["disk /dev/vdb cannot be read"],
};

test("nodeStatus says where the node is reached and what runs there", () => {
  const status = nodeStatus(facts);
  expect(status?.externalAddress).toBe("10.1.0.2");
  expect(status?.runningCurator?.port).toBe(7835);
  expect(status?.version?.release?.minor).toBe(1n);
  expect(status?.bootId.toHex()).toBe("8a4b0a4e7f2f4a3b9d532f6d2f9a1c11");
  expect(status?.troubles).toEqual(["disk /dev/vdb cannot be read"]);
});

test("nodeStatus leaves out a curator that is not open, and is none without an address", () => {
  expect(nodeStatus({ ...facts, isCuratorOpen: false })?.runningCurator).toBeUndefined();
  expect(nodeStatus({ ...facts, addresses: [] })).toBeUndefined();
});

test("nodeStatus says that etcd cannot run, and why, before all else that is wrong", () => {
  const failure = "its copy of the cluster's state is damaged: freepages";
  const status = nodeStatus({ ...facts, troubles: ["the disk is full"], failure });
  expect(status?.isConsensusFailing).toBe(true);
  expect(status?.troubles).toEqual([failure, "the disk is full"]);
  // In `node describe`: failing.
  expect(nodeStatus(facts)?.isConsensusFailing).toBe(false);
});

test("nodeStatus is one that the cluster takes, however much is wrong", () => {
  const addresses = Array.from(
    { length: 9 },
    (_, at) => `2001:db8:1111:2222:3333:4444:5555:666${at}`,
  );
  const trouble = (letter: string) => letter.repeat(200);
  const failure = `its copy of the cluster's state is damaged: ${trouble("f").slice(80)}`;
  for (const letter of ["x", "ü", "\u{1f4a5}"]) {
    const troubles = [letter, letter, letter].map(trouble);
    const status = nodeStatus({ ...facts, addresses, troubles, failure });
    expect(status?.addresses).toHaveLength(8);
    expect(status?.troubles[0]).toBe(failure);
    expect(toBinary(NodeStatusSchema, status ?? create(NodeStatusSchema)).length).toBeLessThan(
      1_025,
    );
  }
});

test("statusPush pushes what is new, and only that", async () => {
  await using cluster = await testCluster();
  const status = new Value<NodeStatus | undefined>(undefined);
  await using _ = testSupervisor(statusPush(cluster.curator, "metropolis-1", status, new Value()));
  status.set(undefined);
  status.set(nodeStatus(facts));
  await until(() => cluster.pushes.length >= 1);
  status.set(nodeStatus(facts));
  await sleep(20);
  status.set(nodeStatus({ ...facts, addresses: ["10.1.0.3"] }));
  await until(() => cluster.pushes.length >= 2);
  const seen = cluster.pushes.map(({ nodeId, status }) => `${nodeId} ${status?.externalAddress}`);
  expect(seen).toEqual(["metropolis-1 10.1.0.2", "metropolis-1 10.1.0.3"]);
});

test("statusPush is started again until the cluster takes the status", async () => {
  await using cluster = await testCluster();
  cluster.isLeaderless = true;
  const status = new Value(nodeStatus(facts));
  await using tested = testSupervisor(
    statusPush(cluster.curator, "metropolis-1", status, new Value()),
  );
  while (tested.pauses.length === 0) await tested.quiet();
  cluster.isLeaderless = false;
  while (cluster.pushes.length === 0) await tested.pass();
  expect(cluster.pushes.length).toBe(1);
});

test("statusPush asks for an address again that the cluster has given to somebody else", async () => {
  await using cluster = await testCluster();
  const status = new Value(nodeStatus(facts));
  const told = new Value<readonly string[]>();
  const tree = new LogTree();
  const push = statusPush(cluster.curator, "metropolis-1", status, told);
  await using _ = testSupervisor(push, { tree });
  await until(() => cluster.pushes.length >= 1);
  told.set(["10.1.0.2"]);
  await sleep(20);
  expect(cluster.pushes.length).toBe(1);
  told.set([]);
  await until(() => cluster.pushes.length >= 2);
  const logged = tree.read({ dn: "root", backlog: "all" }).backlog.map(formatEntry).join("\n");
  expect(logged).toContain("The cluster does not have 10.1.0.2 as this node's yet");
  expect(cluster.pushes[1]?.status?.externalAddress).toBe("10.1.0.2");
});

test("nodeStatus says all addresses, but not more than the cluster takes", () => {
  const many = Array.from({ length: 12 }, (_, index) => `fd00::${index + 1}`);
  const status = nodeStatus({ ...facts, addresses: ["10.1.0.2", ...many] });
  expect(status?.externalAddress).toBe("10.1.0.2");
  expect(status?.addresses).toEqual(["10.1.0.2", ...many.slice(0, 7)]);
});

test("statusPush asks for one of several again that the cluster keeps for somebody else", async () => {
  await using cluster = await testCluster();
  const status = new Value(nodeStatus({ ...facts, addresses: ["10.1.0.2", "fd00::2"] }));
  const told = new Value<readonly string[]>();
  await using _ = testSupervisor(statusPush(cluster.curator, "metropolis-1", status, told));
  await until(() => cluster.pushes.length >= 1);
  told.set(["10.1.0.2"]);
  await until(() => cluster.pushes.length >= 2);
  expect(cluster.pushes[1]?.status?.addresses).toEqual(["10.1.0.2", "fd00::2"]);
});
