// Boxes open for their receiver, as what they are, and for nobody else.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  type BoxContent,
  boxKeyPair,
  decryptWith,
  encryptTo,
  generateBoxKeyPair,
  SealedBoxError,
} from "./sealed-box.ts";

const pair = generateBoxKeyPair();
const content: BoxContent = { purpose: "cluster unlock key", nodeId: "metropolis-a" };
const secret = new TextEncoder().encode("secret");

test("decryptWith opens what encryptTo closed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (bytes) => {
      const box = await encryptTo(pair.publicKey, content, bytes);
      expect(await decryptWith(pair, content, box)).toEqual(bytes);
    }),
    { numRuns: 30 },
  );
});

test("two boxes of the same bytes have nothing in common", async () => {
  const close = () => encryptTo(pair.publicKey, content, secret);
  const [one, other] = await Promise.all([close(), close()]);
  expect(one.subarray(-80)).not.toEqual(other.subarray(-80));
});

test("a box opens with its own key only", async () => {
  const box = await encryptTo(pair.publicKey, content, secret);
  await expect(decryptWith(generateBoxKeyPair(), content, box)).rejects.toThrow(SealedBoxError);
});

test.each([
  { purpose: "cluster unlock key", nodeId: "metropolis-b" },
  { purpose: "cluster unlock key", nodeId: "metropolis-" },
  { purpose: "cluster unlock key", nodeId: "metropolis-a\n" },
  { purpose: "operator's view", nodeId: "metropolis-a" },
] as const)("a box is not taken for the $purpose of $nodeId", async (claimed) => {
  const box = await encryptTo(pair.publicKey, content, secret);
  const failure = decryptWith(pair, claimed, box);
  await expect(failure).rejects.toThrow(`does not hold the ${claimed.purpose} of`);
});

test("a flipped bit anywhere keeps a box closed", async () => {
  const box = await encryptTo(pair.publicKey, content, secret);
  for (let index = 0; index < box.length; index++) {
    const damaged = box.slice();
    damaged[index] = (damaged[index] ?? 0) ^ 0x10;
    await expect(decryptWith(pair, content, damaged)).rejects.toThrow(SealedBoxError);
  }
});

test.each([0, 1, 48, 5000])("a box of %d bytes is none", async (length) => {
  const failure = decryptWith(pair, content, new Uint8Array(length));
  await expect(failure).rejects.toThrow(SealedBoxError);
});

test("boxKeyPair makes the pair again of its private half", () => {
  expect(boxKeyPair(pair.privateKey)).toEqual(pair);
});

test.each([0, 31, 33])("no key of %d bytes is taken", async (length) => {
  const key = new Uint8Array(length);
  expect(() => boxKeyPair(key)).toThrow(SealedBoxError);
  await expect(encryptTo(key, content, secret)).rejects.toThrow(SealedBoxError);
});
