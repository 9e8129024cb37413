// Clusters of IPv6 alone, of both families, and of nodes that have not the same ones.
import { expect, test } from "bun:test";
import type { Node } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { ip6Address, ipAddress } from "../../src/launcher/launcher.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";

const ipv6 = { hasIpv4: false, hasIpv6: true };
const both = { hasIpv4: true, hasIpv6: true };

/** The addresses of the nodes on machines, in the machines' order. */
async function addresses(cluster: ProcessCluster, ...machines: readonly number[]) {
  const nodes = await Promise.all(machines.map((number) => cluster.nodeOn(number)));
  return nodes.map(({ status }: Node) => status?.addresses);
}

test("three nodes of IPv6 alone are a control plane, and come back from a full stop", async () => {
  await using cluster = await processCluster({
    name: "six",
    nodes: 3,
    networks: [ipv6, ipv6, ipv6],
  });
  await cluster.voters(3);
  expect(await addresses(cluster, 1, 2, 3)).toEqual(
    [1, 2, 3].map((number) => [ip6Address(number)]),
  );
  await cluster.kill(1, 2, 3);
  await cluster.powerOn(1, 2, 3);
  await cluster.write("after a cold start");
  await cluster.voters(3);
});

test("nodes with both families join with one of IPv6 alone; a card that leads nowhere is last", async () => {
  const networks = [{ ...both, hasSideCard: true }, both, ipv6];
  await using cluster = await processCluster({ name: "both", nodes: 3, networks });
  await cluster.voters(3);
  expect(await addresses(cluster, 1, 2, 3)).toEqual([
    [ipAddress(1), ip6Address(1), "10.2.0.2"],
    [ipAddress(2), ip6Address(2)],
    [ip6Address(3)],
  ]);
  const described = await cluster.metroctl("node", "describe");
  expect(described).toContain(` ${ipAddress(1)} `);
  // Whoever leads, the others find him: each loses the leadership once.
  for (let lost = 0; lost < 2; lost++) {
    const leader = await cluster.leader();
    await cluster.kill(leader);
    await cluster.write(`without ${leader}`);
    await cluster.powerOn(leader);
    await cluster.voters(3);
  }
  const [first] = await cluster.nodes();
  const logs = await cluster.metroctl("node", "logs", first?.id ?? "", "--dn", "root.network");
  expect(logs).toContain("Address is");
});
