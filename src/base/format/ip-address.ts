// IP addresses, each in its one canonical spelling, so that two texts are the same address
// exactly when they are equal.
import { isIP } from "node:net";

/** An address. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** How many bits the addresses of a family have. */
export const ADDRESS_BITS: Readonly<Record<4 | 6, number>> = { 4: 32, 6: 128 };

/** Reads an address; undefined unless it is spelled canonically (RFC 5952) and has no zone. */
export function parseAddress(text: string): IpAddress | undefined {
  switch (isIP(text)) {
    case 4:
      return { family: 4, value: joined(text.split(".").map(Number), 8) };
    case 6:
      // URL writes IPv6 addresses canonically, and knows nothing of zones.
      if (URL.parse(`http://[${text}]`)?.hostname !== `[${text}]`) return undefined;
      return { family: 6, value: joined(groups(text), 16) };
    default:
      return undefined;
  }
}

/** Writes an address. */
export function formatAddress({ family, value }: IpAddress): string {
  const width = family === 4 ? 8 : 16;
  const count = ADDRESS_BITS[family] / width;
  const parts = Array.from({ length: count }, (_, at) =>
    Number((value >> BigInt(width * (count - 1 - at))) & ((1n << BigInt(width)) - 1n)),
  );
  if (family === 4) return parts.join(".");
  const spelled = parts.map((part) => part.toString(16)).join(":");
  return new URL(`http://[${spelled}]`).hostname.slice(1, -1);
}

/** The eight groups of an IPv6 address, with those that `::` stands for. */
function groups(text: string): readonly number[] {
  const [head = "", tail = ""] = text.split("::");
  const read = (part: string) =>
    part === "" ? [] : part.split(":").map((hex) => parseInt(hex, 16));
  const [before, after] = [read(head), read(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function joined(parts: readonly number[], width: number): bigint {
  return parts.reduce((sum, part) => (sum << BigInt(width)) | BigInt(part), 0n);
}
