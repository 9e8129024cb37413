// Networks in prefix notation, of either family, each in its one canonical spelling.
import { ADDRESS_BITS, formatAddress, type IpAddress, parseAddress } from "./ip-address.ts";

/** A network. */
export interface Prefix {
  readonly family: 4 | 6;
  /** The first address. */
  readonly value: bigint;
  readonly length: number;
}

const PATTERN = /^([0-9a-f.:]+)\/(0|[1-9]\d{0,2})$/;

/** Reads a prefix; undefined unless it is written in the one canonical way. */
export function parsePrefix(text: string): Prefix | undefined {
  const [whole, host = "", digits = ""] = PATTERN.exec(text) ?? [];
  const address = parseAddress(host);
  // A pattern's end may stand before a line end.
  if (whole !== text || address === undefined) return undefined;
  const length = Number(digits);
  const free = ADDRESS_BITS[address.family] - length;
  if (free < 0 || BigInt.asUintN(free, address.value) !== 0n) return undefined;
  return { ...address, length };
}

/** Writes a prefix. */
export function formatPrefix({ length, ...address }: Prefix): string {
  return `${formatAddress(address)}/${length}`;
}

/** The network that holds one address alone. */
export function hostPrefix(address: IpAddress): Prefix {
  return { ...address, length: ADDRESS_BITS[address.family] };
}

/** The same in text; empty for what is no address in its canonical spelling. */
export function hostCidr(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? "" : formatPrefix(hostPrefix(address));
}

/** Whether a network lies in another, or is it. */
export function isWithin(inner: Prefix, outer: Prefix | undefined): boolean {
  if (outer === undefined || inner.family !== outer.family) return false;
  if (inner.length < outer.length) return false;
  const shift = BigInt(ADDRESS_BITS[outer.family] - outer.length);
  return inner.value >> shift === outer.value >> shift;
}

/** Whether two networks have an address in common. */
export function overlaps(one: Prefix, other: Prefix): boolean {
  return isWithin(one, other) || isWithin(other, one);
}
