// DER, the byte form of ASN.1: the few types that signatures are made of.
import { FormatError } from "./format.ts";

/** An element with any tag and the given content. */
export function raw(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  return Buffer.concat([Uint8Array.of(tag, ...lengthBytes(body.length)), body]);
}

/** An ordered list. */
export function sequence(...members: readonly Uint8Array[]): Uint8Array {
  return raw(0x30, ...members);
}

/** A set; DER wants its members sorted by their bytes. */
export function set(...members: readonly Uint8Array[]): Uint8Array {
  return raw(0x31, ...members.toSorted(Buffer.compare));
}

/** The highest tag number that has room in one byte. */
const LAST_TAG = 30;

/** An element in an explicit context tag, 0 to 30; throws a {@link FormatError} for others. */
export function explicit(tag: number, member: Uint8Array): Uint8Array {
  return raw(0xa0 | within(LAST_TAG, tag, "tag"), member);
}

/** A small number, 0 to 127; throws a {@link FormatError} for others. */
export function integer(value: number): Uint8Array {
  return raw(0x02, Uint8Array.of(within(0x7f, value, "integer")));
}

function within(most: number, value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new FormatError(`der: ${what} ${value} is not between 0 and ${most}`);
}

/** Bytes. */
export function octetString(bytes: Uint8Array): Uint8Array {
  return raw(0x04, bytes);
}

/** Bits, in whole bytes. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return raw(0x03, Uint8Array.of(0), bytes);
}

/** What `base128` can shift; arcs are far smaller. */
const LARGEST_ARC = 2 ** 31 - 1;

/** An object identifier in its dotted form; throws a {@link FormatError} for what is none. */
export function oid(dotted: string): Uint8Array {
  const arcs = dotted.split(".").map((arc) => (/^\d+$/.test(arc) ? Number(arc) : Number.NaN));
  const [first = 0, second = Number.NaN, ...rest] = arcs;
  within(2, first, "first arc");
  within(first < 2 ? 39 : LARGEST_ARC - 80, second, "second arc");
  for (const arc of rest) within(LARGEST_ARC, arc, "arc");
  return raw(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): readonly number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return [0x80 | digits.length, ...digits];
}

/** An element that was read. */
export interface DerElement {
  readonly tag: number;
  readonly headerLength: number;
  /** The whole element, tag and length included. */
  readonly bytes: Uint8Array;
  /** The elements inside; throws if it holds none. */
  children(): readonly DerElement[];
}

/** Reads the element at the beginning of some bytes; throws a {@link FormatError} if it is cut. */
export function readDer(bytes: Uint8Array): DerElement {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new FormatError("der: cut short");
  const extra = first < 0x80 ? 0 : first & 0x7f;
  if (extra > 4) throw new FormatError("der: length is too large");
  const digits = bytes.subarray(2, 2 + extra);
  const length = extra === 0 ? first : digits.reduce((sum, digit) => sum * 256 + digit, 0);
  const headerLength = 2 + extra;
  const end = headerLength + length;
  if (digits.length < extra || end > bytes.length) throw new FormatError("der: cut short");
  const element = bytes.subarray(0, end);
  return {
    tag,
    headerLength,
    bytes: element,
    children: () => readAll(element.subarray(headerLength)),
  };
}

function readAll(bytes: Uint8Array): readonly DerElement[] {
  const found: DerElement[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const element = readDer(rest);
    found.push(element);
    rest = rest.subarray(element.bytes.length);
  }
  return found;
}
