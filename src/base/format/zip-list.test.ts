// Lists of zip archives, built by hand: 64-bit ones, and those that lie.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { memoryDevice } from "./block-device.ts";
import { FormatError } from "./format.ts";
import { METHOD, parseList } from "./zip-list.ts";

interface RecordFields {
  readonly name?: string | Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  readonly storedSize?: number;
  readonly size?: number;
  readonly offset?: number;
  readonly extra?: Uint8Array;
}

function listed(fields: RecordFields = {}): Buffer {
  const { flags = 0, method = METHOD.stored, storedSize = 4, size = 4, offset = 0 } = fields;
  const name = Buffer.from(fields.name ?? "file");
  const extra = fields.extra ?? new Uint8Array();
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(method, 10);
  head.writeUInt32LE(storedSize, 20);
  head.writeUInt32LE(size, 24);
  head.writeUInt16LE(name.length, 28);
  head.writeUInt16LE(extra.length, 30);
  head.writeUInt32LE(offset, 42);
  return Buffer.concat([head, name, extra]);
}

function endRecord(count: number, size: number, offset: number, comment = ""): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([end, Buffer.from(comment)]);
}

/** A 64-bit end of a list that begins at 0. */
function largeEnd(count: bigint, size: bigint, at: bigint): Buffer {
  const end = Buffer.alloc(56);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(count, 32);
  end.writeBigUInt64LE(size, 40);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(at, 8);
  return Buffer.concat([end, locator, endRecord(0xffff, 0xffffffff, 0xffffffff)]);
}

function parse(...parts: readonly Uint8Array[]) {
  const bytes = new Uint8Array(Buffer.concat(parts));
  return parseList(memoryDevice(bytes.length, bytes));
}

/** Parses a list with nothing before it. */
function parseRecords(...records: readonly Buffer[]) {
  const list = Buffer.concat(records);
  return parse(list, endRecord(records.length, list.length, 0));
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new RangeError("was accepted"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FormatError);
  return error instanceof Error ? error.message : "";
}

/** An extra field with 64-bit numbers. */
function wide(...values: readonly bigint[]): Buffer {
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(values.length * 8, 2);
  for (const [index, value] of values.entries()) field.writeBigUInt64LE(value, 4 + index * 8);
  return field;
}

test("parseList of an empty archive is empty", async () => {
  expect(await parse(endRecord(0, 0, 0))).toEqual({ records: [], listOffset: 0 });
});

test("parseList leaves folders out", async () => {
  const { records } = await parseRecords(listed({ name: "a/", size: 0, storedSize: 0 }), listed());
  expect(records.map(({ name }) => name)).toEqual(["file"]);
});

test("parseList takes 64-bit sizes in the order of the field, only those that are needed", async () => {
  const full = 0xffffffff;
  const all = { size: full, storedSize: full, offset: full, name: "all" };
  const one = { offset: full, name: "one" };
  const { records } = await parseRecords(
    listed({ ...all, extra: wide(5_000_000_000n, 5_000_000_000n, 7_000_000_000n) }),
    listed({ ...one, extra: wide(9_000_000_000n) }),
  );
  expect(records).toMatchObject([
    { name: "all", size: 5e9, storedSize: 5e9, offset: 7e9 },
    { name: "one", size: 4, storedSize: 4, offset: 9e9 },
  ]);
});

test("parseList finds the 64-bit field behind others", async () => {
  const other = Buffer.from([0x55, 0x54, 2, 0, 9, 9]);
  const extra = Buffer.concat([other, wide(6_000_000_000n)]);
  const { records } = await parseRecords(listed({ offset: 0xffffffff, extra }));
  expect(records[0]?.offset).toBe(6e9);
});

test("parseList reads a list with a 64-bit end", async () => {
  const list = listed();
  const { records } = await parse(list, largeEnd(1n, BigInt(list.length), BigInt(list.length)));
  expect(records).toHaveLength(1);
});

test("parseList is not led astray by a comment that looks like an end", async () => {
  const list = listed();
  const comment = endRecord(9, 9, 9).toString("latin1", 0, 4);
  const { records } = await parse(list, endRecord(1, list.length, 0, `see ${comment} there, so`));
  expect(records).toHaveLength(1);
});

test.each<[string, RecordFields, string]>([
  ["a name that is not UTF-8", { name: new Uint8Array([0xff]) }, "not UTF-8"],
  ["an absolute name", { name: "/etc/passwd" }, "not safe"],
  ["a name that leads out", { name: "a/../../b" }, "not safe"],
  ["a name that says where it is", { name: "./a" }, "not safe"],
  ["a name of Windows", { name: "a\\b" }, "not safe"],
  ["a name with a zero byte", { name: "a\0b" }, "not safe"],
  ["an empty name", { name: "" }, "not safe"],
  ["encryption", { flags: 1 }, "is encrypted"],
  ["strong encryption", { flags: 0x40 }, "is encrypted"],
  ["an unknown method", { method: 14 }, "unknown method 14"],
  ["two sizes of a stored file", { size: 5 }, "has two sizes"],
  ["a missing 64-bit size", { offset: 0xffffffff }, "64-bit size is missing"],
  ["an impossible size", { offset: 0xffffffff, extra: wide(2n ** 63n) }, "is impossible"],
  ["an extra field that is cut short", { extra: Buffer.from([1, 0, 8, 0, 1]) }, "is damaged"],
])("parseList refuses %s", async (_, fields, reason) => {
  expect(await refusal(parseRecords(listed(fields)))).toContain(reason);
});

test("parseList refuses a name that is listed twice", async () => {
  expect(await refusal(parseRecords(listed(), listed()))).toContain("listed twice");
});

test("parseList refuses a list that is longer than announced", async () => {
  const list = Buffer.concat([listed({ name: "a" }), listed({ name: "b" })]);
  expect(await refusal(parse(list, endRecord(1, list.length, 0)))).toContain("longer than");
});

test("parseList reads no list that is too long, or lies outside", async () => {
  expect(await refusal(parse(endRecord(1, 2 ** 20 + 1, 0)))).toContain("too long");
  expect(await refusal(parse(endRecord(1, 46, 0)))).toContain("outside");
  expect(await refusal(parse(endRecord(1, 1, 0xfffffff0)))).toContain("outside");
});

test.each([
  [2n ** 64n - 1n, "impossible"],
  [2n ** 40n, "outside"],
  [3n, "not where it should be"],
])("parseList refuses a 64-bit end at %d", async (at, reason) => {
  expect(await refusal(parse(listed(), largeEnd(1n, 50n, at)))).toContain(reason);
});

test("parseList refuses a 64-bit end that is not there", async () => {
  const end = endRecord(0xffff, 0xffffffff, 0xffffffff);
  expect(await refusal(parse(end))).toContain("no room");
  expect(await refusal(parse(new Uint8Array(100), end))).toContain("is missing");
});

test("parseList of any bytes before a sound end gives a list or a FormatError", async () => {
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
    const bytes = Buffer.concat([noise, endRecord(3, noise.length, 0)]);
    const error = await parse(bytes).catch((thrown: unknown) => thrown);
    if (error instanceof Error) expect(error).toBeInstanceOf(FormatError);
  });
  await fc.assert(property, { numRuns: 200 });
});

test("parseList of a sound list with one changed byte gives a list or a FormatError", async () => {
  const list = Buffer.concat([listed({ name: "a" }), listed({ extra: wide(1n) })]);
  const sound = Buffer.concat([list, endRecord(2, list.length, 0)]);
  for (let at = 0; at < sound.length; at++) {
    const damaged = Buffer.from(sound);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    const error = await parse(damaged).catch((thrown: unknown) => thrown);
    if (error instanceof Error) expect(error).toBeInstanceOf(FormatError);
  }
});
