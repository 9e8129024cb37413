// Tests of what the cluster is told of a node's part in the network.
import { expect, test } from "bun:test";
import { sleep, Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { type TestCluster, testCluster } from "../roles/test-cluster.ts";
import { publish } from "./publish.ts";
import { wireguardKey } from "./test-peers.ts";

/** A node that publishes, and what it goes by. */
function publisher(cluster: TestCluster, own: string) {
  const addresses = new Value<readonly string[]>([own]);
  const told = {
    addresses: new Value<readonly string[]>(),
    podRanges: new Value<readonly string[]>(),
  };
  const { curator } = cluster;
  const running = testSupervisor((context) =>
    publish({ curator, addresses, told }, wireguardKey(1), context),
  );
  return { addresses, told, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

test("publish waits until the cluster knows the address, and says each thing once", async () => {
  await using cluster = await testCluster();
  await using node = publisher(cluster, "192.0.2.1");
  await sleep(20);
  expect(cluster.networks).toEqual([]);
  node.told.addresses.set(["192.0.2.1"]);
  await until(() => cluster.networks.length >= 1);
  // What is published comes back as news of the own record.
  node.told.addresses.set(["192.0.2.1"]);
  await sleep(20);
  node.told.podRanges.set(["10.192.1.0/24", "fd00:1::/64"]);
  await until(() => cluster.networks.length >= 2);
  expect(cluster.networks).toEqual([
    ["192.0.2.1/32"],
    ["192.0.2.1/32", "10.192.1.0/24", "fd00:1::/64"],
  ]);
});

test("publish follows the address, and says it anew when it was lost and is back", async () => {
  await using cluster = await testCluster();
  await using node = publisher(cluster, "fd00::1");
  node.told.addresses.set(["fd00::1"]);
  await until(() => cluster.networks.length >= 1);
  node.told.addresses.set([]);
  await sleep(20);
  node.told.addresses.set(["fd00::1"]);
  await until(() => cluster.networks.length >= 2);
  node.addresses.set(["fd00::2"]);
  await sleep(20);
  node.told.addresses.set(["fd00::2"]);
  await until(() => cluster.networks.length >= 3);
  expect(cluster.networks.flat()).toEqual(["fd00::1/128", "fd00::1/128", "fd00::2/128"]);
});

test("publish goes on asking while it is refused", async () => {
  await using cluster = await testCluster();
  cluster.isLeaderless = true;
  await using node = publisher(cluster, "192.0.2.1");
  node.told.addresses.set(["192.0.2.1"]);
  await sleep(50);
  cluster.isLeaderless = false;
  await until(() => cluster.networks.length >= 1);
  expect(cluster.networks).toEqual([["192.0.2.1/32"]]);
});

test("publish tells the networks of all addresses, of both families, that the cluster knows", async () => {
  await using cluster = await testCluster();
  await using node = publisher(cluster, "192.0.2.1");
  node.addresses.set(["192.0.2.1", "fd00::1", "fd00::2"]);
  // The second was somebody else's.
  node.told.addresses.set(["192.0.2.1", "fd00::2"]);
  await until(() => cluster.networks.length >= 1);
  expect(cluster.networks).toEqual([["192.0.2.1/32", "fd00::2/128"]]);
});
