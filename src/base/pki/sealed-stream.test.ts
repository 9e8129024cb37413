// Tests of encrypted streams: whole ones open, all others say what is wrong.
import { expect, test } from "bun:test";
import { generateBoxKeyPair } from "./sealed-box.ts";
import { openStream, sealStream } from "./sealed-stream.ts";

const pair = generateBoxKeyPair();

async function* chunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(source)));
}

const sealed = (plain: Uint8Array) => whole(sealStream(pair.publicKey, chunks(plain, 100_000)));
const opened = (bytes: Uint8Array, size = 777, key = pair) =>
  whole(openStream(key, chunks(bytes, size)));

test.each([0, 1, 65_536, 65_537, 300_000])(
  "a stream of %i bytes comes back whole",
  async (size) => {
    const plain = new Uint8Array(size).fill(size % 251);
    expect(await opened(await sealed(plain))).toEqual(plain);
  },
);

test("what is encrypted does not hold what it is made of, nor twice the same", async () => {
  const plain = new Uint8Array(1_000).fill(7);
  const [one, other] = [await sealed(plain), await sealed(plain)];
  expect(one).not.toEqual(other);
  expect(Buffer.from(one).includes(plain.subarray(0, 16))).toBe(false);
});

test("each changed byte is noticed", async () => {
  const bytes = await sealed(new Uint8Array(200).fill(1));
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 4;
    await expect(opened(changed)).rejects.toThrow();
  }
});

test("a missing end, something after it, and another key are told apart", async () => {
  const bytes = await sealed(new Uint8Array(200_000));
  await expect(opened(bytes.subarray(0, -20))).rejects.toThrow("the end is missing");
  await expect(opened(bytes.subarray(0, 70_000))).rejects.toThrow("the end is missing");
  const longer = new Uint8Array([...bytes, 1]);
  await expect(opened(longer)).rejects.toThrow("something follows the end");
  await expect(opened(bytes, 999, generateBoxKeyPair())).rejects.toThrow("does not open");
  await expect(opened(new Uint8Array(100))).rejects.toThrow("not a backup");
});

test("frames cannot change places", async () => {
  const bytes = Buffer.from(await sealed(new Uint8Array(131_072).fill(3)));
  const head = 4 + 2 + bytes.readUInt16BE(4);
  const frame = 4 + bytes.readUInt32BE(head);
  const [first, second] = [head, head + frame].map((at) => bytes.subarray(at, at + frame));
  const rest = bytes.subarray(head + 2 * frame);
  const swapped = Buffer.concat([bytes.subarray(0, head), second ?? rest, first ?? rest, rest]);
  await expect(opened(swapped)).rejects.toThrow("damaged at part 0");
});
