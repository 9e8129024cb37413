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
        address: "10.1.0.2",
        nameservers: ["10.1.0.1", "10.1.0.3"],
        timeServers: ["10.1.0.1"],
      },
    },
  ]);
});

test("readHook reads a lease for IPv6", () => {
  const [event] = readHook({
    reason: "BOUND6",
    interface: "eth0",
    new_dhcp6_ia_na1_ia_addr1: "fd00::2",
    new_dhcp6_name_servers: "fd00::1",
  });
  expect(event?.lease).toMatchObject({
    family: "ipv6",
    address: "fd00::2",
    nameservers: ["fd00::1"],
  });
});

test("readHook does not take the prefix of an advertisement for an address", () => {
  const [event] = readHook({
    reason: "ROUTERADVERT",
    interface: "eth0",
    nd1_prefix_information1_prefix: "fd00::",
    nd1_rdnss1_servers: "fd00::1",
  });
  expect(event?.lease?.address).toBeUndefined();
  expect(event?.lease?.nameservers).toEqual(["fd00::1"]);
});

test.each([
  ["EXPIRE", ["eth0 ipv4"]],
  ["EXPIRE6", ["eth0 ipv6"]],
  ["NOCARRIER", ["eth0 ipv4", "eth0 ipv6"]],
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
  expect(bad?.lease).not.toHaveProperty("address");
});

test("readHook refuses interface names that the kernel would not give", () => {
  expect(readHook({ ...bound, interface: "../../etc" })).toEqual([]);
  expect(readHook({ ...bound, interface: "a-name-that-is-too-long" })).toEqual([]);
});

test("readHook survives any environment", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.string()),
      fc.constantFrom("BOUND", "BOUND6"),
      (any, reason) => {
        for (const { lease } of readHook({ ...any, reason, interface: "eth0" })) {
          expect(lease?.nameservers.every((address) => /^[0-9a-f.:]+$/i.test(address))).toBe(true);
        }
      },
    ),
  );
});
