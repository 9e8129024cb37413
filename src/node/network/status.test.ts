// What several leases come to.
import { expect, test } from "bun:test";
import type { Lease } from "./lease.ts";
import { Leases, noNetwork, resolvConf } from "./status.ts";

function lease(name: string, family: Lease["family"], address: string): Lease {
  return { interface: name, family, address, nameservers: [`${address}9`], timeServers: [] };
}

function held(leases: Leases, given: Lease) {
  return leases.apply({ reason: "BOUND", key: `${given.interface} ${given.family}`, lease: given });
}

test("Leases knows the node by an IPv4 address where there is one", () => {
  const leases = new Leases();
  expect(leases.status()).toEqual(noNetwork);
  expect(held(leases, lease("eth0", "ipv6", "fd00::2")).address).toBe("fd00::2");
  expect(held(leases, lease("eth0", "ipv4", "10.0.0.2")).address).toBe("10.0.0.2");
  leases.apply({ reason: "EXPIRE", key: "eth0 ipv4" });
  expect(leases.status().address).toBe("fd00::2");
});

test("Leases keeps the address when a second interface comes up", () => {
  const leases = new Leases();
  held(leases, lease("eth0", "ipv4", "10.0.0.2"));
  expect(held(leases, lease("eth1", "ipv4", "10.9.0.2")).address).toBe("10.0.0.2");
});

test("Leases replaces what a renewal changed", () => {
  const leases = new Leases();
  held(leases, lease("eth0", "ipv4", "10.0.0.2"));
  const status = held(leases, lease("eth0", "ipv4", "10.0.0.3"));
  expect(status.address).toBe("10.0.0.3");
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
