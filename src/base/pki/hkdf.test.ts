// Derived keys against published values, and comparisons.
import { expect, test } from "bun:test";
import { constantTimeEqual, hkdf } from "./hkdf.ts";

test("hkdf without salt and info gives the result of RFC 5869, test case 3", () => {
  const derived = hkdf(new Uint8Array(22).fill(0x0b), { info: "", bytes: 42 });
  expect(Buffer.from(derived).toString("hex")).toBe(
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
});

test("hkdf gives another key for another purpose, salt or secret", () => {
  const secret = new Uint8Array(32);
  const keys = [
    hkdf(secret, { info: "a", bytes: 32 }),
    hkdf(secret, { info: "b", bytes: 32 }),
    hkdf(secret, { info: "a", salt: Uint8Array.of(1), bytes: 32 }),
    hkdf(new Uint8Array(33), { info: "a", bytes: 32 }),
  ];
  expect(new Set(keys.map(String)).size).toBe(4);
});

test.each([
  ["", "", true],
  ["abc", "abc", true],
  ["abc", "abd", false],
  ["abc", "abcd", false],
])("constantTimeEqual of %p and %p is %p", (one, other, expected) => {
  expect(constantTimeEqual(Buffer.from(one), Buffer.from(other))).toBe(expected);
});
