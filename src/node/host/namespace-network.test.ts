// Tests of the network of a node that is a plain process.
import { expect, test } from "bun:test";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { Value } from "../../base/event/event.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import type { NetworkStatus } from "../network/network.ts";
import { addressOf, namespaceNetwork } from "./namespace-network.ts";

function at(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, mac: "", internal, cidr: null };
  if (!address.includes(":")) return { ...common, netmask: "", family: "IPv4" };
  return { ...common, netmask: "", family: "IPv6", scopeid: 0 };
}

test.each([
  [{}, ""],
  [{ lo: [at("127.0.0.1", true)] }, ""],
  [{ lo: [at("127.0.0.1", true)], eth0: [at("10.1.0.2")] }, "10.1.0.2"],
  [{ eth0: [at("fe80::1"), at("fd00::2"), at("10.1.0.2")] }, "10.1.0.2"],
  [{ eth0: [at("fe80::1"), at("fd00::2")] }, "fd00::2"],
  [{ eth1: [at("10.2.0.2")], eth0: [at("10.1.0.2")] }, "10.1.0.2"],
  [{ eth0: undefined }, ""],
])("addressOf finds the way out of %j", (interfaces, address) => {
  expect(addressOf(interfaces)).toBe(address);
});

test("namespaceNetwork follows the address", async () => {
  const status = new Value<NetworkStatus>();
  let interfaces = { eth0: [at("10.1.0.2")] };
  const supervisor = new Supervisor(namespaceNetwork(status, () => interfaces));
  supervisor.start();
  const soon = AbortSignal.timeout(5_000);
  expect(await status.first(soon)).toMatchObject({ address: "10.1.0.2", timeServers: [] });
  interfaces = { eth0: [] };
  await status.first(soon, ({ address }) => address === "");
  await supervisor.stop();
});

test("namespaceNetwork reads what the system says", () => {
  expect(typeof addressOf(networkInterfaces())).toBe("string");
});
