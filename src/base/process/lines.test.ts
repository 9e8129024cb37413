// Lines out of streams whose chunks end anywhere.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { eachLine, lines } from "./process.ts";

async function* chunks(...parts: readonly (string | Uint8Array)[]) {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : part;
}

test("lines are the same wherever the chunks end", async () => {
  const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((s) => s.replace(/[\r\n]/g, ""));
  const property = fc.asyncProperty(
    fc.array(line, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat(200), { maxLength: 8 }),
    async (texts, cuts) => {
      const bytes = new TextEncoder().encode(`${texts.join("\n")}\n`);
      const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort(
        (a, b) => a - b,
      );
      const parts = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      expect(await Array.fromAsync(lines(chunks(...parts)))).toEqual(texts.map(decoded));
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

/** Half a surrogate pair does not survive UTF-8, and a decoder drops a leading mark. */
function decoded(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

test("lines come before the stream ends", async () => {
  const { promise: later, resolve } = Promise.withResolvers<void>();
  const slow = async function* () {
    yield new TextEncoder().encode("first\nsec");
    await later;
    yield new TextEncoder().encode("ond\n");
  };
  const reader = lines(slow());
  expect(await reader.next()).toEqual({ done: false, value: "first" });
  resolve();
  expect(await reader.next()).toEqual({ done: false, value: "second" });
  expect((await reader.next()).done).toBe(true);
});

test.each<[string, string[], string[]]>([
  ["nothing", [], []],
  ["an empty line", ["\n"], [""]],
  ["a last line without an end", ["a\nb"], ["a", "b"]],
  ["lines as Windows ends them", ["a\r\nb\r", "\n"], ["a", "b"]],
  ["a carriage return inside a line", ["10%\r20%\n"], ["10%\r20%"]],
])("lines of %s", async (_, given, wanted) => {
  expect(await Array.fromAsync(lines(chunks(...given)))).toEqual(wanted);
});

test("lines cuts what is too long, and goes on with the next one", async () => {
  const stream = chunks("x".repeat(30), "x".repeat(30), "\nshort\n");
  expect(await Array.fromAsync(lines(stream, 8))).toEqual(["x".repeat(8), "short"]);
});

test("lines never cuts inside a character", async () => {
  expect(await Array.fromAsync(lines(chunks("ääää\n"), 5))).toEqual(["ää"]);
});

test("lines passes on bytes that are no text, as replacement characters", async () => {
  const stream = chunks(new Uint8Array([0x61, 0xff, 0xfe, 0x0a]));
  expect(await Array.fromAsync(lines(stream))).toEqual(["a\ufffd\ufffd"]);
});

test("eachLine hands over what came before a stream broke, and throws", async () => {
  const seen: string[] = [];
  const broken = async function* () {
    yield new TextEncoder().encode("one\ntw");
    throw new RangeError("broken pipe");
  };
  const error = await eachLine(broken(), (line) => seen.push(line)).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RangeError);
  expect(seen).toEqual(["one"]);
});
