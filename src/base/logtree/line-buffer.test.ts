// Tests of cutting bytes into lines.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Line, LineBuffer } from "./line-buffer.ts";

/** The lines that come out of chunks, with a limit of 8 bytes. */
function cut(...chunks: (string | Uint8Array)[]): Line[] {
  const lines: Line[] = [];
  const buffer = new LineBuffer(8, (line) => lines.push(line));
  for (const chunk of chunks) buffer.write(chunk);
  buffer.flush();
  return lines;
}

test.each<[string[], string[]]>([
  [[], []],
  [["a\nb\n"], ["a", "b"]],
  [["a", "b", "\n"], ["ab"]],
  [["a\n\nb"], ["a", "", "b"]],
  [
    ["a\r\nb\r", "\n"],
    ["a", "b"],
  ],
  [["a\rb\n"], ["a\rb"]],
  [["12345678\n"], ["12345678"]],
  [["123456789\nx\n"], ["12345678", "x"]],
  [
    ["1234", "56789\nx"],
    ["12345678", "x"],
  ],
])("LineBuffer cuts %j into %j", (chunks, expected) => {
  expect(cut(...chunks).map(({ text }) => text)).toEqual(expected);
});

test("LineBuffer tells how long a cut line was", () => {
  expect(cut("123456789012\n")).toEqual([{ text: "12345678", originalLength: 12 }]);
  expect(cut("1234567\n")).toEqual([{ text: "1234567", originalLength: 7 }]);
});

test("LineBuffer puts characters together that chunks tear apart", () => {
  const bytes = new TextEncoder().encode("aä😀\n");
  expect(cut(...[...bytes].map((byte) => Uint8Array.of(byte)))[0]?.text).toBe("aä😀");
});

test("LineBuffer does not cut within a character", () => {
  expect(cut("123456😀\n")[0]?.text).toBe("123456");
  expect(cut("1234567ä\n")).toEqual([{ text: "1234567", originalLength: 9 }]);
});

test("LineBuffer replaces bytes that are no text, and does not call that cut", () => {
  const [line] = cut(Uint8Array.of(97, 255, 10));
  expect(line).toEqual({ text: "a\ufffd", originalLength: 4 });
});

test("LineBuffer gives the same lines however the bytes are chunked", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 8 });
  fc.assert(
    fc.property(chunks, (list) => {
      expect(cut(...list)).toEqual(cut(Buffer.concat(list)));
    }),
  );
});

test("LineBuffer says a line was cut exactly when it was longer than the limit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      const clean = bytes.map((byte) => (byte === 10 || byte === 13 ? 32 : byte));
      const [line] = cut(clean);
      if (line === undefined) return;
      const isCut = line.originalLength > Buffer.byteLength(line.text);
      expect(isCut).toBe(clean.length > 8);
    }),
  );
});
