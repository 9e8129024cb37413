// Networks in prefix notation: one spelling each, and inclusion as sets of addresses.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { isWithin, type Prefix, parsePrefix } from "./prefix.ts";

test.each([
  ["10.0.0.0/8", 10 * 2 ** 24, 8],
  ["0.0.0.0/0", 0, 0],
  ["255.255.255.255/32", 2 ** 32 - 1, 32],
  ["192.0.2.128/25", 3_221_226_112, 25],
])("parsePrefix reads %s", (text, address, length) => {
  expect(parsePrefix(text)).toEqual({ address, length });
});

test.each([
  ["", "nothing"],
  ["10.0.0.0", "no length"],
  ["10.0.0.0/33", "too long a length"],
  ["10.0.0.0/-1", "a negative length"],
  ["10.0.0.0/08", "a length with a zero in front"],
  ["010.0.0.0/8", "a byte with a zero in front, which some read as octal"],
  ["256.0.0.0/8", "a byte too large"],
  ["10.0.0.1/24", "an address inside the network"],
  ["10.0.0.0/8\n", "a line end"],
  [" 10.0.0.0/8", "a blank"],
  ["10.0.0/8", "three bytes"],
  ["10.0.0.0.0/8", "five bytes"],
  ["fd00::/8", "IPv6"],
  ["１0.0.0.0/8", "digits of another script"],
])("parsePrefix refuses %j: %s", (text) => {
  expect(parsePrefix(text)).toBeUndefined();
});

/** Any network. */
const prefixes: fc.Arbitrary<Prefix> = fc
  .tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 32 }))
  .map(([any, length]) => ({ address: any - (any % 2 ** (32 - length)), length }));

function write({ address, length }: Prefix): string {
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
  return `${bytes.join(".")}/${length}`;
}

test("parsePrefix reads every network back, and any text without harm", () => {
  fc.assert(
    fc.property(prefixes, (prefix) => {
      expect(parsePrefix(write(prefix))).toEqual(prefix);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = parsePrefix(text);
      if (read !== undefined) expect(write(read)).toBe(text);
    }),
  );
});

test("isWithin says whether all addresses of one are addresses of the other", () => {
  const last = ({ address, length }: Prefix) => address + 2 ** (32 - length) - 1;
  fc.assert(
    fc.property(prefixes, prefixes, (inner, outer) => {
      const isIncluded = inner.address >= outer.address && last(inner) <= last(outer);
      expect(isWithin(inner, outer)).toBe(isIncluded);
    }),
    {
      examples: [
        [
          { address: 0, length: 32 },
          { address: 0, length: 0 },
        ],
      ],
    },
  );
});

test("isWithin no network at all is nothing", () => {
  expect(isWithin({ address: 0, length: 32 }, undefined)).toBe(false);
});
