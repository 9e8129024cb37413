// Node IDs follow from keys, and nothing else looks like one.
import { expect, test } from "bun:test";
import { isNodeId, KeyError, nodeId } from "./node-id.ts";

test("nodeId holds the first half of the public key in hex", () => {
  const publicKey = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(nodeId(publicKey)).toBe("metropolis-000102030405060708090a0b0c0d0e0f");
});

test.each([0, 16, 31, 33])("nodeId refuses a key of %d bytes", (length) => {
  expect(() => nodeId(new Uint8Array(length))).toThrow(KeyError);
});

test.each([
  ["metropolis-000102030405060708090a0b0c0d0e0f", true],
  ["metropolis-000102030405060708090A0B0C0D0E0F", false],
  ["metropolis-0001", false],
  ["x-metropolis-000102030405060708090a0b0c0d0e0f", false],
  ["metropolis-000102030405060708090a0b0c0d0e0f\n", false],
  ["", false],
])("isNodeId of %p is %p", (text, expected) => {
  expect(isNodeId(text)).toBe(expected);
});
