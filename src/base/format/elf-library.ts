// A shared library whose functions do nothing: it stands where a program is linked with a library
// for something that it is never asked for. Read and executed only; x86-64.

/** What a library is called, and what it pretends to have. */
export interface EmptyLibrary {
  readonly name: string;
  /** Of all its functions, as the programs were linked. */
  readonly version: string;
  /** Each gives 0, a null pointer to those who expect one. */
  readonly functions: readonly string[];
}

/** `xor eax, eax` and `ret`. */
const CODE = Uint8Array.of(0x31, 0xc0, 0xc3);

const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const PAGE = 0x1000;
const segment = { load: 1, dynamic: 2, stack: 0x6474e551 } as const;
const access = { executed: 5, read: 4, written: 6 } as const;
/** Tags of the dynamic section, as elf.h has them. */
const tag = {
  ...{ end: 0, hash: 4, strings: 5, symbols: 6, stringBytes: 10, symbolBytes: 11, name: 14 },
  ...{ versions: 0x6ffffff0, definitions: 0x6ffffffc, definitionCount: 0x6ffffffd },
} as const;
const SYMBOL_BYTES = 24;
const DEFINITION_BYTES = 28;
const GLOBAL_FUNCTION = 0x12;
const [BASE, OWN] = [1, 2] as const;

/** The bytes of the library. */
export function emptyLibrary({ name, version, functions }: EmptyLibrary): Uint8Array {
  const text = new Strings([name, version, ...functions]);
  const segments = [segment.load, segment.dynamic, segment.stack].length;
  const layout = new Layout(HEADER_BYTES + segments * SEGMENT_BYTES);
  const code = layout.place(CODE);
  const strings = layout.place(text.bytes);
  const symbols = layout.place(symbolTable(functions, text, code));
  const hash = layout.place(hashTable(functions.length));
  const versions = layout.place(numbers(2, [0, ...functions.map(() => OWN)]));
  const definitions = layout.place(
    Buffer.concat([
      definition(name, text, { number: BASE, flags: 1, next: DEFINITION_BYTES }),
      definition(version, text, { number: OWN, flags: 0, next: 0 }),
    ]),
  );
  const entries: readonly (readonly [tag: number, value: number])[] = [
    [tag.name, text.at(name)],
    [tag.hash, hash],
    [tag.strings, strings],
    [tag.symbols, symbols],
    [tag.stringBytes, text.bytes.length],
    [tag.symbolBytes, SYMBOL_BYTES],
    [tag.versions, versions],
    [tag.definitions, definitions],
    [tag.definitionCount, 2],
    [tag.end, 0],
  ];
  const dynamic = layout.place(numbers(8, entries.flat()));
  const size = layout.size;
  const heads = [
    programHeader(segment.load, access.executed, 0, size),
    programHeader(segment.dynamic, access.read, dynamic, entries.length * 16),
    // Without it the loader would make everybody's stack executable.
    programHeader(segment.stack, access.written, 0, 0),
  ];
  return new Uint8Array(Buffer.concat([fileHeader(heads.length), ...heads, layout.bytes()]));
}

/** Little-endian numbers of `width` bytes. */
function numbers(width: 2 | 4 | 8, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    if (width === 2) view.setUint16(index * width, value, true);
    if (width === 4) view.setUint32(index * width, value, true);
    if (width === 8) view.setBigUint64(index * width, BigInt(value), true);
  }
  return bytes;
}

/** A string table: each with a closing zero, behind an empty one. */
class Strings {
  readonly bytes: Uint8Array;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor(all: readonly string[]) {
    const offsets = new Map<string, number>();
    let text = "\0";
    for (const each of all) {
      offsets.set(each, text.length);
      text += `${each}\0`;
    }
    this.bytes = new TextEncoder().encode(text);
    this.#offsets = offsets;
  }

  at(text: string): number {
    return this.#offsets.get(text) ?? 0;
  }
}

/** Parts one behind the other, each where its numbers may lie; addresses are places in the file. */
class Layout {
  readonly #parts: Uint8Array[] = [];
  size: number;

  constructor(start: number) {
    this.size = start;
  }

  place(part: Uint8Array): number {
    const gap = -this.size & 7;
    this.#parts.push(new Uint8Array(gap), part);
    const at = this.size + gap;
    this.size = at + part.length;
    return at;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function symbolTable(functions: readonly string[], text: Strings, code: number): Uint8Array {
  const rows = functions.map((name) =>
    Buffer.concat([
      numbers(4, [text.at(name)]),
      // Any section but none, which would mean that somebody else has it.
      Uint8Array.of(GLOBAL_FUNCTION, 0, 1, 0),
      numbers(8, [code, CODE.length]),
    ]),
  );
  return Buffer.concat([new Uint8Array(SYMBOL_BYTES), ...rows]);
}

/** One bucket, in which every symbol leads to the next. */
function hashTable(count: number): Uint8Array {
  const chain = Array.from({ length: count + 1 }, (_, index) =>
    index === 0 || index === count ? 0 : index + 1,
  );
  return numbers(4, [1, count + 1, 1, ...chain]);
}

interface Definition {
  readonly number: number;
  readonly flags: number;
  readonly next: number;
}

function definition(name: string, text: Strings, { number, flags, next }: Definition): Uint8Array {
  const [revision, names, offset] = [1, 1, 20];
  return Buffer.concat([
    numbers(2, [revision, flags, number, names]),
    numbers(4, [elfHash(name), offset, next, text.at(name), 0]),
  ]);
}

/** The hash of the System V ABI. */
function elfHash(name: string): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(name)) {
    hash = (hash * 16 + byte) % 2 ** 32;
    const high = Math.floor(hash / 2 ** 28);
    hash = ((hash ^ (high << 4)) & 0x0fffffff) >>> 0;
  }
  return hash;
}

function programHeader(type: number, flags: number, at: number, size: number): Uint8Array {
  return Buffer.concat([numbers(4, [type, flags]), numbers(8, [at, at, at, size, size, PAGE])]);
}

function fileHeader(segments: number): Uint8Array {
  const [library, x86] = [3, 62];
  const identity = [0x7f, ...new TextEncoder().encode("ELF"), 2, 1, 1];
  return Buffer.concat([
    Uint8Array.from([...identity, ...new Uint8Array(16 - identity.length)]),
    ...[numbers(2, [library, x86]), numbers(4, [1]), numbers(8, [0, HEADER_BYTES, 0])],
    numbers(4, [0]),
    numbers(2, [HEADER_BYTES, SEGMENT_BYTES, segments, HEADER_BYTES, 0, 0]),
  ]);
}
