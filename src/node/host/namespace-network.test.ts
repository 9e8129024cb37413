// Tests of the network of a node that is a plain process.
import { expect, test } from "bun:test";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { Value } from "../../base/event/event.ts";
import { defaultRoutes } from "../../base/linux/default-routes.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { Choice } from "../network/choice.ts";
import type { NetworkStatus } from "../network/network.ts";
import { addressesOf, namespaceNetwork } from "./namespace-network.ts";

function at(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, mac: "", internal, cidr: null };
  if (!address.includes(":")) return { ...common, netmask: "", family: "IPv4" };
  return { ...common, netmask: "", family: "IPv6", scopeid: 0 };
}

/** Default routes through interfaces, each with its family: "eth0 ipv4". */
function routes(...words: readonly string[]) {
  const of = (family: string) =>
    new Set(words.filter((word) => word.endsWith(family)).map((word) => word.split(" ")[0] ?? ""));
  return { ipv4: of("ipv4"), ipv6: of("ipv6") };
}

const choice = () => new Choice(() => 0);

test.each([
  [{}, ""],
  [{ lo: [at("127.0.0.1", true)] }, ""],
  [{ lo: [at("127.0.0.1", true)], eth0: [at("10.1.0.2")] }, "10.1.0.2"],
  [{ eth0: [at("fe80::1"), at("fd00::2"), at("10.1.0.2")] }, "10.1.0.2 fd00::2"],
  [{ eth0: [at("fe80::1"), at("fd00::2")] }, "fd00::2"],
  [{ eth1: [at("10.2.0.2")], eth0: [at("10.1.0.2")] }, "10.1.0.2 10.2.0.2"],
  [{ eth0: undefined }, ""],
])("addressesOf finds the ways out of %j", (interfaces, addresses) => {
  expect(addressesOf({ interfaces, routes: routes() }, choice()).join(" ")).toBe(addresses);
});

test("addressesOf puts those first that lead anywhere", () => {
  const interfaces = { eth0: [at("10.2.0.2")], eth1: [at("10.1.0.2"), at("fd00::2")] };
  const see = (...words: readonly string[]) =>
    addressesOf({ interfaces, routes: routes(...words) }, choice()).join(" ");
  expect(see("eth1 ipv4")).toBe("10.1.0.2 10.2.0.2 fd00::2");
  expect(see("eth1 ipv6")).toBe("fd00::2 10.2.0.2 10.1.0.2");
  expect(see("eth1 ipv6", "eth1 ipv4")).toBe("10.1.0.2 fd00::2 10.2.0.2");
});

test("namespaceNetwork follows the addresses", async () => {
  const status = new Value<NetworkStatus>();
  let interfaces = { eth0: [at("10.1.0.2")] };
  const supervisor = new Supervisor(
    namespaceNetwork(status, () => ({ interfaces, routes: routes() })),
  );
  supervisor.start();
  const soon = AbortSignal.timeout(5_000);
  expect(await status.first(soon)).toMatchObject({ addresses: ["10.1.0.2"], timeServers: [] });
  interfaces = { eth0: [] };
  await status.first(soon, ({ addresses }) => addresses.length === 0);
  await supervisor.stop();
});

test("namespaceNetwork reads what the system says", () => {
  const real = { interfaces: networkInterfaces(), routes: defaultRoutes() };
  expect(Array.isArray(addressesOf(real, choice()))).toBe(true);
});
