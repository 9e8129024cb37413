// Networks in prefix notation: one spelling each, and inclusion as sets of addresses.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ADDRESS_BITS } from "./ip-address.ts";
import {
  formatPrefix,
  hostCidr,
  hostPrefix,
  isWithin,
  overlaps,
  type Prefix,
  parsePrefix,
} from "./ip-prefix.ts";

test.each<[string, 4 | 6, bigint, number]>([
  ["10.0.0.0/8", 4, 10n << 24n, 8],
  ["10.192.0.0/11", 4, 0x0ac00000n, 11],
  ["0.0.0.0/0", 4, 0n, 0],
  ["255.255.255.255/32", 4, 0xffffffffn, 32],
  ["192.0.2.128/25", 4, 0xc0000280n, 25],
  ["::/0", 6, 0n, 0],
  ["fd00::/8", 6, 0xfdn << 120n, 8],
  ["fd00::1/128", 6, (0xfdn << 120n) + 1n, 128],
])("parsePrefix reads %s", (text, family, value, length) => {
  expect(parsePrefix(text)).toEqual({ family, value, length });
});

test.each([
  ["", "nothing"],
  ["10.0.0.0", "no length"],
  ["10.0.0.0/33", "too long a length"],
  ["fd00::/129", "too long a length"],
  ["10.0.0.0/-1", "a negative length"],
  ["10.0.0.0/08", "a length with a zero in front"],
  ["010.0.0.0/8", "a byte with a zero in front, which some read as octal"],
  ["256.0.0.0/8", "a byte too large"],
  ["10.0.0.1/24", "an address inside the network"],
  ["fd00::1/64", "an address inside the network"],
  ["10.0.0.0/8\n", "a line end"],
  [" 10.0.0.0/8", "a blank"],
  ["10.0.0/8", "three bytes"],
  ["10.0.0.0.0/8", "five bytes"],
  ["fe80::%1/64", "a zone"],
  ["FD00::/8", "capitals"],
  ["::ffff:10.0.0.0/104", "an IPv4 address at the end"],
  ["１0.0.0.0/8", "digits of another script"],
])("parsePrefix refuses %j: %s", (text) => {
  expect(parsePrefix(text)).toBeUndefined();
});

const families: fc.Arbitrary<4 | 6> = fc.constantFrom(4, 6);

/** Any network. */
const prefixes: fc.Arbitrary<Prefix> = families.chain((family) =>
  fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.nat({ max: ADDRESS_BITS[family] }))
    .map(([any, length]) => {
      const free = BigInt(ADDRESS_BITS[family] - length);
      return { family, value: BigInt.asUintN(length, any) << free, length };
    }),
);

test("parsePrefix reads every network back, and any text without harm", () => {
  fc.assert(
    fc.property(prefixes, (prefix) => {
      expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = parsePrefix(text);
      if (read !== undefined) expect(formatPrefix(read)).toBe(text);
    }),
  );
});

const last = ({ family, value, length }: Prefix) =>
  value + (1n << BigInt(ADDRESS_BITS[family] - length)) - 1n;

test("isWithin and overlaps say how sets of addresses lie to each other", () => {
  fc.assert(
    fc.property(prefixes, prefixes, (inner, outer) => {
      const isSame = inner.family === outer.family;
      const isIncluded = inner.value >= outer.value && last(inner) <= last(outer);
      const isMet = inner.value <= last(outer) && last(inner) >= outer.value;
      expect(isWithin(inner, outer)).toBe(isSame && isIncluded);
      expect(overlaps(inner, outer)).toBe(isSame && isMet);
    }),
  );
});

test.each([
  ["10.192.0.0/11", "10.192.0.0/11", true],
  ["10.223.255.0/24", "10.192.0.0/11", true],
  ["10.224.0.0/24", "10.192.0.0/11", false],
  ["10.192.0.0/10", "10.192.0.0/11", false],
  ["203.0.113.0/24", "0.0.0.0/0", true],
  ["0.0.0.0/32", "::/0", false],
])("isWithin of %p in %p is %p", (inner, outer, expected) => {
  const [a, b] = [parsePrefix(inner), parsePrefix(outer)];
  expect(a !== undefined && isWithin(a, b)).toBe(expected);
});

test("isWithin no network at all is nothing", () => {
  expect(isWithin({ family: 4, value: 0n, length: 32 }, undefined)).toBe(false);
});

test("hostPrefix holds one address", () => {
  expect(formatPrefix(hostPrefix({ family: 4, value: 1n }))).toBe("0.0.0.1/32");
  expect(formatPrefix(hostPrefix({ family: 6, value: 1n }))).toBe("::1/128");
});

test("hostCidr is the address alone, in its family", () => {
  expect(["10.1.0.2", "fd00::2", "", "fe80::1%1"].map(hostCidr)).toEqual([
    ...["10.1.0.2/32", "fd00::2/128", "", ""],
  ]);
});
