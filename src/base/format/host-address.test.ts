// Which addresses are hosts'.
import { expect, test } from "bun:test";
import { hostAddressFault } from "./host-address.ts";

test.each([
  ["192.0.2.1"],
  ["10.0.0.1"],
  ["100.64.0.1"],
  ["203.0.113.255"],
  ["fd00::1"],
  ["2001:db8::1"],
  ["2a00::1"],
])("hostAddressFault has nothing against %s", (text) => {
  expect(hostAddressFault(text)).toBeUndefined();
});

test.each([
  ["fe80::1%nope", "canonical"],
  ["fd00::1%eth0", "canonical"],
  ["node.internal", "canonical"],
  ["", "canonical"],
  ["FD00::1", "canonical"],
  ["0.0.0.0", "wildcard"],
  ["0.1.2.3", "wildcard"],
  ["::", "wildcard"],
  ["127.0.0.1", "loopback"],
  ["127.255.0.9", "loopback"],
  ["::1", "loopback"],
  ["169.254.169.254", "link-local"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fec0::1", "site-local"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["ff02::1", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["240.0.0.1", "broadcast"],
  ["::ffff:127.0.0.1", "canonical"],
  ["::ffff:7f00:1", "IPv4 address in IPv6"],
  ["::7f00:1", "IPv4 address in IPv6"],
  ["::ffff:0:7f00:1", "IPv4 address in IPv6"],
  ["64:ff9b::7f00:1", "IPv4 address in IPv6"],
  ["2002:7f00:1::1", "IPv4 address in IPv6"],
  ["2001:0:7f00:1::", "IPv4 address in IPv6"],
  ["2001::7f00:1", "IPv4 address in IPv6"],
  ["100::1", "discards"],
])("hostAddressFault refuses %s: %s", (text, reason) => {
  expect(hostAddressFault(text)).toContain(reason);
});
