// What the node believes of the messages of dhcpcd's hook.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readHook } from "./lease.ts";

const bound = {
  reason: "BOUND",
  interface: "eth0",
  new_ip_address: "10.1.0.2",
  new_domain_name_servers: "10.1.0.1 10.1.0.3",
  new_ntp_servers: "10.1.0.1",
};

test("readHook reads a lease for IPv4", () => {
  expect(readHook(bound)).toEqual([
    {
      reason: "BOUND",
      key: "eth0 ipv4",
      lease: {
        interface: "eth0",
        family: "ipv4",
        addresses: ["10.1.0.2"],
        hasRouter: false,
        nameservers: ["10.1.0.1", "10.1.0.3"],
        timeServers: ["10.1.0.1"],
      },
    },
  ]);
});

test.each([
  [{ new_routers: "10.1.0.1" }, true],
  [{ new_routers: "" }, false],
  [{ new_routers: "evil" }, false],
  // Where there are classless routes, the router alone counts for nothing.
  [{ new_routers: "10.1.0.1", new_classless_static_routes: "10.0.0.0/8 10.1.0.1" }, false],
  [{ new_classless_static_routes: "10.0.0.0/8 10.1.0.1 0.0.0.0/0 10.1.0.1" }, true],
])("readHook finds out by %j whether there is a router", (variables, hasRouter) => {
  expect(readHook({ ...bound, ...variables })[0]?.lease?.hasRouter).toBe(hasRouter);
});

test("readHook reads a lease for IPv6", () => {
  const [event] = readHook({
    reason: "BOUND6",
    interface: "eth0",
    new_dhcp6_ia_na1_ia_addr1: "fd00::2",
    new_dhcp6_name_servers: "fd00::1",
  });
  expect(event).toMatchObject({
    key: "eth0 ipv6",
    lease: { family: "ipv6", addresses: ["fd00::2"], hasRouter: false, nameservers: ["fd00::1"] },
  });
});

/** What dhcpcd 10.1 says of a router that leaves addresses to DHCPv6. */
const advertised = {
  reason: "ROUTERADVERT",
  interface: "eth0",
  nd1_flags: "MO",
  nd1_from: "fe80::106d:d3ff:fe7e:a4a0",
  nd1_lifetime: "1800",
  nd1_prefix_information1_flags: "L",
  nd1_prefix_information1_length: "64",
  nd1_prefix_information1_prefix: "fd00::",
  nd1_rdnss1_lifetime: "3600",
  nd1_rdnss1_servers: "fd00::1",
};

test("readHook does not take the prefix of an advertisement for an address", () => {
  expect(readHook(advertised)).toEqual([
    {
      reason: "ROUTERADVERT",
      // Not that of the lease by DHCPv6, which an advertisement does not end.
      key: "eth0 router",
      lease: {
        ...{ interface: "eth0", family: "ipv6", addresses: [], hasRouter: true },
        ...{ nameservers: ["fd00::1"], timeServers: [] },
      },
    },
  ]);
});

test("readHook takes the addresses that the node made of an advertisement, of all routers", () => {
  const second = { nd2_lifetime: "0", nd2_addr1: "2001:db8::7/64", nd2_rdnss1_servers: "fd00::3" };
  const own = { nd1_addr1: "fd00::7/64", nd1_addr2: "fe80::7/64", nd1_addr10: "fd01::7/64" };
  const [event] = readHook({ ...second, ...advertised, ...own });
  expect(event?.lease).toMatchObject({
    addresses: ["fd00::7", "fd01::7", "2001:db8::7"],
    hasRouter: true,
    nameservers: ["fd00::1", "fd00::3"],
  });
  const [alone] = readHook({ ...advertised, nd1_lifetime: "0" });
  expect(alone?.lease?.hasRouter).toBe(false);
});

test.each([
  ["EXPIRE", ["eth0 ipv4"]],
  ["EXPIRE6", ["eth0 ipv6"]],
  ["NOCARRIER", ["eth0 ipv4", "eth0 ipv6", "eth0 router"]],
  ["STOPPED", ["eth0 ipv4", "eth0 ipv6", "eth0 router"]],
  ["PREINIT", []],
  ["CARRIER", []],
])("readHook takes %s for the end of %p", (reason, keys) => {
  const events = readHook({ reason, interface: "eth0" });
  expect(events.map(({ key }) => key)).toEqual(keys);
  expect(events.every(({ lease }) => lease === undefined)).toBe(true);
});

test("readHook drops what is no address", () => {
  const [event] = readHook({ ...bound, new_domain_name_servers: "evil\nnameserver 1.2.3.4" });
  expect(event?.lease?.nameservers).toEqual(["1.2.3.4"]);
  const [bad] = readHook({ ...bound, new_ip_address: "$(reboot)" });
  expect(bad?.lease?.addresses).toEqual([]);
  const [own] = readHook({ ...bound, new_ip_address: "127.0.0.1" });
  expect(own?.lease?.addresses).toEqual([]);
});

test("readHook refuses interface names that the kernel would not give", () => {
  expect(readHook({ ...bound, interface: "../../etc" })).toEqual([]);
  expect(readHook({ ...bound, interface: "a-name-that-is-too-long" })).toEqual([]);
});

test("readHook survives any environment", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.string()),
      fc.constantFrom("BOUND", "BOUND6", "ROUTERADVERT"),
      (any, reason) => {
        for (const { lease } of readHook({ ...any, reason, interface: "eth0" })) {
          expect(lease?.nameservers.every((address) => /^[0-9a-f.:]+$/i.test(address))).toBe(true);
        }
      },
    ),
  );
});
