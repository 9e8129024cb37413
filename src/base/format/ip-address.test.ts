// Addresses: one spelling each, read and written back.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ADDRESS_BITS, formatAddress, type IpAddress, parseAddress } from "./ip-address.ts";

test.each<[string, 4 | 6, bigint]>([
  ["0.0.0.0", 4, 0n],
  ["10.0.0.1", 4, 0x0a000001n],
  ["255.255.255.255", 4, 0xffffffffn],
  ["::", 6, 0n],
  ["fd00::1", 6, (0xfdn << 120n) + 1n],
  ["2001:db8::1:0:0:1", 6, 0x20010db8000000000001000000000001n],
  ["1:2:3:4:5:6:7:8", 6, 0x00010002000300040005000600070008n],
])("parseAddress reads %s, and formatAddress writes it", (text, family, value) => {
  expect(parseAddress(text)).toEqual({ family, value });
  expect(formatAddress({ family, value })).toBe(text);
});

test.each([
  ["", "nothing"],
  ["node.internal", "a name"],
  ["10.0.0.1/32", "a prefix"],
  ["010.0.0.1", "a byte with a zero in front, which some read as octal"],
  ["0x0a.0.0.1", "hexadecimal"],
  ["10.1", "two parts"],
  ["167772161", "one number"],
  ["10.0.0.1\n", "a line end"],
  [" 10.0.0.1", "a blank"],
  ["fe80::1%nope", "a zone"],
  ["[fd00::1]", "brackets"],
  ["FD00::1", "capitals"],
  ["fd00:0::1", "a zero that is left out elsewhere"],
  ["fd00::0001", "zeros in front"],
  ["::ffff:10.0.0.1", "an IPv4 address at the end"],
])("parseAddress refuses %j: %s", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test("parseAddress reads back whatever formatAddress writes, and any text without harm", () => {
  const families: fc.Arbitrary<4 | 6> = fc.constantFrom(4, 6);
  const addresses: fc.Arbitrary<IpAddress> = families.chain((family) =>
    fc
      .bigInt({ min: 0n, max: (1n << BigInt(ADDRESS_BITS[family])) - 1n })
      .map((value) => ({ family, value })),
  );
  fc.assert(
    fc.property(addresses, (address) => {
      expect(parseAddress(formatAddress(address))).toEqual(address);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => {
      const read = parseAddress(text);
      if (read !== undefined) expect(formatAddress(read)).toBe(text);
    }),
  );
});
