// Boxes open for their receiver and for nobody else.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  boxKeyPair,
  decryptWith,
  encryptTo,
  generateBoxKeyPair,
  SealedBoxError,
} from "./sealed-box.ts";

const pair = generateBoxKeyPair();

test("decryptWith opens what encryptTo closed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expect(decryptWith(pair, encryptTo(pair.publicKey, bytes))).toEqual(bytes);
    }),
    { numRuns: 30 },
  );
});

test("two boxes of the same bytes have nothing in common", () => {
  const bytes = new Uint8Array(32);
  const [one, other] = [encryptTo(pair.publicKey, bytes), encryptTo(pair.publicKey, bytes)];
  expect(one).toHaveLength(1 + 32 + 32 + 16);
  expect(one.subarray(1)).not.toEqual(other.subarray(1));
});

test("a box opens with its own key only", () => {
  const box = encryptTo(pair.publicKey, new Uint8Array(32));
  expect(() => decryptWith(generateBoxKeyPair(), box)).toThrow(SealedBoxError);
});

test("a flipped bit anywhere keeps a box closed", () => {
  const box = encryptTo(pair.publicKey, new TextEncoder().encode("secret"));
  for (let index = 0; index < box.length; index++) {
    const damaged = box.slice();
    damaged[index] = (damaged[index] ?? 0) ^ 0x10;
    expect(() => decryptWith(pair, damaged)).toThrow(SealedBoxError);
  }
});

test.each([0, 1, 48])("a box of %d bytes is none", (length) => {
  expect(() => decryptWith(pair, new Uint8Array(length))).toThrow(SealedBoxError);
});

test("boxKeyPair makes the pair again of its private half", () => {
  expect(boxKeyPair(pair.privateKey)).toEqual(pair);
});

test.each([0, 31, 33])("boxKeyPair refuses a private key of %d bytes", (length) => {
  expect(() => boxKeyPair(new Uint8Array(length))).toThrow(SealedBoxError);
});
