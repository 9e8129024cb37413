// IPv4 networks in prefix notation.

/** A network. */
export interface Prefix {
  /** The first address, as a number. */
  readonly address: number;
  readonly length: number;
}

const PATTERN = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

/** Reads a prefix; undefined unless it is written in the one canonical way. */
export function parsePrefix(text: string): Prefix | undefined {
  const numbers = PATTERN.exec(text)?.slice(1).map(Number);
  if (numbers === undefined || numbers.join(".") !== text.replace("/", ".")) return undefined;
  const length = numbers.pop() ?? 0;
  if (length > 32 || numbers.some((byte) => byte > 255)) return undefined;
  const address = numbers.reduce((sum, byte) => sum * 256 + byte, 0);
  return address % 2 ** (32 - length) === 0 ? { address, length } : undefined;
}

/** Whether a network lies in another, or is it. */
export function isWithin(inner: Prefix, outer: Prefix | undefined): boolean {
  if (outer === undefined || inner.length < outer.length) return false;
  const size = 2 ** (32 - outer.length);
  return Math.floor(inner.address / size) === Math.floor(outer.address / size);
}
