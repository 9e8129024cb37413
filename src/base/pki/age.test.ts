// Our files against the program `age`: each opens what the other has closed.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { run } from "../process/process.ts";
import {
  ageIdentity,
  ageRecipient,
  decryptStream,
  encryptStream,
  readAgeIdentity,
  SealedBoxError,
} from "./age.ts";
import { generateBoxKeyPair } from "./sealed-box.ts";

const folder = mkdtempSync(join(tmpdir(), "age-"));
afterAll(() => rmSync(folder, { recursive: true }));
const identity = join(folder, "identity.txt");
const closed = join(folder, "closed");
const open = join(folder, "open");

const pair = generateBoxKeyPair();
writeFileSync(identity, `# a comment\n${ageIdentity(pair.privateKey)}\n`);

/** In pieces of a size that fits nothing. */
async function* pieces(bytes: Uint8Array, size = 1009): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(parts)));
}

const encrypted = (bytes: Uint8Array) => collect(encryptStream(pair.publicKey, pieces(bytes)));
const decrypted = (bytes: Uint8Array) => collect(decryptStream(pair.privateKey, pieces(bytes)));

/** Around the limits of the parts that age encrypts: 64 KiB each. */
const sizes = [0, 1, 65_535, 65_536, 65_537, 3 * 65_536, 200_000];

test.each(sizes)("age opens what encryptStream made of %d bytes", async (size) => {
  const bytes = crypto.getRandomValues(new Uint8Array(size).subarray(0, 65_536)).slice();
  const content = Buffer.concat([bytes, new Uint8Array(size - bytes.length).fill(7)]);
  writeFileSync(closed, await encrypted(content));
  const { stdout } = await run(["age", "-d", "-i", identity, closed]);
  expect(content.equals(stdout)).toBe(true);
});

test.each(sizes)("decryptStream opens what age made of %d bytes", async (size) => {
  const content = new Uint8Array(size).fill(size % 251);
  writeFileSync(open, content);
  await run(["age", "-r", ageRecipient(pair.publicKey), "-o", closed, open]);
  expect(await decrypted(readFileSync(closed))).toEqual(content);
});

test("age-keygen and we read each other's keys", async () => {
  const { text: recipient } = await run(["age-keygen", "-y", identity]);
  expect(recipient.trim()).toBe(ageRecipient(pair.publicKey));
  const { text: theirs } = await run(["age-keygen"]);
  expect(ageIdentity(readAgeIdentity(theirs))).toBe(theirs.trim().split("\n").at(-1) ?? "");
});

/** The text with another last letter. */
function mistyped(text: string): string {
  return text.slice(0, -1) + (text.endsWith("Q") ? "P" : "Q");
}

test.each([
  ["", "no identity"],
  ["AGE-SECRET-KEY-1", "no identity"],
  [ageRecipient(pair.publicKey), "no identity"],
  [mistyped(ageIdentity(pair.privateKey)), "no identity"],
  [`${ageIdentity(pair.privateKey)}\n`.repeat(2), "more than one identity"],
])("readAgeIdentity refuses %p, and repeats nothing of it", (text, reason) => {
  let said = "";
  try {
    readAgeIdentity(text);
  } catch (error) {
    said = Bun.inspect(error);
  }
  expect(said).toContain(reason);
  expect(said).not.toContain(ageIdentity(pair.privateKey).slice(20, 40));
});

test("a stream opens with its own key only, and not when it is cut off or goes on", async () => {
  const box = await encrypted(new Uint8Array(3 * 65_536));
  const other = decryptStream(generateBoxKeyPair().privateKey, pieces(box));
  await expect(collect(other)).rejects.toThrow("encrypted to another key");
  const part = 65_536 + 16;
  for (const end of [0, 10, 150, box.length - 3 * part, box.length - part, box.length - 1]) {
    await expect(decrypted(box.subarray(0, end))).rejects.toThrow(SealedBoxError);
  }
  await expect(decrypted(Buffer.concat([box, Buffer.of(0)]))).rejects.toThrow("damaged");
});

test("a flipped bit anywhere keeps a stream closed", async () => {
  const box = await encrypted(new TextEncoder().encode("a secret"));
  const flips = fc.tuple(fc.nat(box.length - 1), fc.nat(7));
  await fc.assert(
    fc.asyncProperty(flips, async ([index, bit]) => {
      const damaged = box.slice();
      damaged[index] = (damaged[index] ?? 0) ^ (1 << bit);
      await expect(decrypted(damaged)).rejects.toThrow(SealedBoxError);
    }),
    { numRuns: 60 },
  );
});

test("parts of two streams do not make a third", async () => {
  const one = await encrypted(new Uint8Array(70_000).fill(1));
  const other = await encrypted(new Uint8Array(70_000).fill(2));
  const cut = one.length - 5000;
  const mixed = Buffer.concat([one.subarray(0, cut), other.subarray(cut)]);
  await expect(decrypted(mixed)).rejects.toThrow("damaged");
});

test.each([
  ["line", "", "a".repeat(65_536)],
  ["argument", "age-encryption.org/v1\n-> X25519 ", "a".repeat(65_536)],
  ["number of recipients", "age-encryption.org/v1\n", `-> a b\n${"A".repeat(64)}\n\n`.repeat(900)],
])("a header with an endless %s is not kept", async (_, start, repeated) => {
  let given = 0;
  async function* endless() {
    yield new TextEncoder().encode(start);
    for (; given < 100 << 20; given += repeated.length) yield new TextEncoder().encode(repeated);
  }
  const failure = collect(decryptStream(pair.privateKey, endless()));
  await expect(failure).rejects.toThrow("not in the format of age");
  expect(given).toBeGreaterThan(1 << 19);
  expect(given).toBeLessThan(2 << 20);
});

test("encryptStream passes on why its source broke, and closes one that nobody reads", async () => {
  async function* broken() {
    yield new Uint8Array(10);
    throw new TypeError("the source broke");
  }
  await expect(collect(encryptStream(pair.publicKey, broken()))).rejects.toThrow("source broke");
  const closing = Promise.withResolvers<void>();
  async function* endless() {
    try {
      for (;;) yield new Uint8Array(65_536);
    } finally {
      closing.resolve();
    }
  }
  for await (const _ of encryptStream(pair.publicKey, endless())) break;
  await closing.promise;
});
