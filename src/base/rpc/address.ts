// The origin of a connection, as far as its address tells.
import { isIPv6 } from "node:net";

/** What listens for both families sees IPv4 as a part of IPv6; people know it by its own form. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, "");
}

/** Whom an address belongs to: itself, or its /64 in IPv6, of which one host may have all. */
export function originOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [first = "", last] = (plain.split("%")[0] ?? "").split("::");
  const groups = (text: string) => text.split(":").filter((group) => group !== "");
  const [head, tail] = [groups(first), groups(last ?? "")];
  const zeros = last === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const all = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${all.slice(0, 4).join(":")}::/64`;
}
