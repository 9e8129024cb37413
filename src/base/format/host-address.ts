// Which addresses a machine can be reached at by others. Whoever tells one may lie: an address
// that means "this machine", or means something else on each machine, must go no further.
import { parseAddress } from "./ip-address.ts";
import { hostPrefix, isWithin, parsePrefix } from "./ip-prefix.ts";

/** What is no host's own address, by the registries of IANA for special purposes. */
const RESERVED: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "a wildcard address"],
  ["127.0.0.0/8", "a loopback address"],
  ["169.254.0.0/16", "a link-local address"],
  ["224.0.0.0/4", "a multicast address"],
  ["240.0.0.0/4", "a broadcast or reserved address"],
  ["::/128", "a wildcard address"],
  ["::1/128", "a loopback address"],
  ["fe80::/10", "a link-local address"],
  ["fec0::/10", "a site-local address"],
  ["ff00::/8", "a multicast address"],
  ["100::/64", "an address that discards"],
  // Forms in which an IPv4 address is hidden from the rules above.
  ["::/96", "an IPv4 address in IPv6 form"],
  ["::ffff:0:0/96", "an IPv4 address in IPv6 form"],
  ["::ffff:0:0:0/96", "an IPv4 address in IPv6 form"],
  ["64:ff9b::/96", "an IPv4 address in IPv6 form"],
  ["64:ff9b:1::/48", "an IPv4 address in IPv6 form"],
  ["2001::/32", "an IPv4 address in IPv6 form"],
  ["2002::/16", "an IPv4 address in IPv6 form"],
];

const reserved = RESERVED.map(([cidr, what]) => ({ prefix: parsePrefix(cidr), what }));

/** Why a text is no address that others reach a machine at; undefined where it is one. */
export function hostAddressFault(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return "not an IP address in canonical form";
  const own = hostPrefix(address);
  return reserved.find(({ prefix }) => isWithin(own, prefix))?.what;
}
