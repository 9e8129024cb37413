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

/** An element in an explicit context tag. */
export function explicit(tag: number, member: Uint8Array): Uint8Array {
  return raw(0xa0 | tag, member);
}

/** A small number that is not negative. */
export function integer(value: number): Uint8Array {
  return raw(0x02, Uint8Array.of(value & 0x7f));
}

/** Bytes. */
export function octetString(bytes: Uint8Array): Uint8Array {
  return raw(0x04, bytes);
}

/** Bits, in whole bytes. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return raw(0x03, Uint8Array.of(0), bytes);
}

/** An object identifier in its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
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
