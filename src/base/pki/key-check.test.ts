// Tests of the check of a key.
import { expect, test } from "bun:test";
import { keyCheck } from "./key-check.ts";

test("keyCheck is the same for the same key only, and never the key", () => {
  const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  expect(keyCheck(one)).toEqual(keyCheck(one.slice()));
  expect(keyCheck(one)).not.toEqual(keyCheck(other));
  expect(keyCheck(one)).not.toEqual(one);
});

test("keyCheck never changes", () => {
  // openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:00… -kdfopt info:… HKDF
  expect(keyCheck(new Uint8Array(32)).toHex()).toBe(
    "557f0bf2ecc9e6c8f2e6f51ffce1e4f3468b626bdc77c69ec64864640ce2a422",
  );
});
