// What several leases come to.
import { expect, test } from "bun:test";
import type { Lease } from "./lease.ts";
import { Leases, noNetwork, resolvConf } from "./status.ts";

function lease(name: string, family: Lease["family"], ...addresses: string[]): Lease {
  const nameservers = addresses.map((address) => `${address}9`);
  const common = { interface: name, family, addresses, hasRouter: true };
  return { ...common, nameservers, timeServers: [] };
}

function held(leases: Leases, given: Lease, protocol: string = given.family) {
  return leases.apply({ reason: "BOUND", key: `${given.interface} ${protocol}`, lease: given });
}

test("Leases knows the node by an IPv4 address where there is one, and by all others too", () => {
  const leases = new Leases();
  expect(leases.status()).toEqual(noNetwork);
  expect(held(leases, lease("eth0", "ipv6", "fd00::2")).addresses).toEqual(["fd00::2"]);
  expect(held(leases, lease("eth0", "ipv4", "10.0.0.2")).addresses).toEqual([
    "10.0.0.2",
    "fd00::2",
  ]);
  leases.apply({ reason: "EXPIRE", key: "eth0 ipv4" });
  expect(leases.status().addresses).toEqual(["fd00::2"]);
});

test("Leases keeps what a DHCPv6 server gave when a router speaks again", () => {
  const leases = new Leases();
  held(leases, lease("eth0", "ipv6"), "router");
  held(leases, lease("eth0", "ipv6", "fd00::2"));
  expect(held(leases, lease("eth0", "ipv6"), "router").addresses).toEqual(["fd00::2"]);
});

test("Leases asks for names and time where there is a router first", () => {
  const leases = new Leases();
  held(leases, { ...lease("eth0", "ipv4", "10.2.0.2"), hasRouter: false });
  const { addresses, nameservers } = held(leases, lease("eth1", "ipv4", "10.1.0.2"));
  expect(addresses).toEqual(["10.1.0.2", "10.2.0.2"]);
  expect(nameservers).toEqual(["10.1.0.29", "10.2.0.29"]);
});

test("Leases replaces what a renewal changed", () => {
  const leases = new Leases();
  held(leases, lease("eth0", "ipv4", "10.0.0.2"));
  const status = held(leases, lease("eth0", "ipv4", "10.0.0.3"));
  expect(status.addresses).toEqual(["10.0.0.3"]);
  expect(status.nameservers).toEqual(["10.0.0.39"]);
});

test("Leases names each server once", () => {
  const leases = new Leases();
  held(leases, { ...lease("eth0", "ipv4", "10.0.0.2"), nameservers: ["1.1.1.1", "2.2.2.2"] });
  const status = held(leases, { ...lease("eth1", "ipv4", "10.0.0.3"), nameservers: ["1.1.1.1"] });
  expect(status.nameservers).toEqual(["1.1.1.1", "2.2.2.2"]);
});

test("resolvConf names three servers at most, as glibc reads no more", () => {
  const text = resolvConf({
    ...noNetwork,
    nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"],
  });
  expect(text).toBe("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n");
  expect(resolvConf(noNetwork)).toBe("");
});
