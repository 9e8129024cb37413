// Node IDs follow from keys, and nothing else looks like one.
import { expect, test } from "bun:test";
import { isNodeId, KeyError, nodeId, shortFingerprint } from "./node-id.ts";

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

test("shortFingerprint is three groups of four digits, of the whole key", () => {
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(shortFingerprint(key)).toMatch(/^[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}$/);
  expect(shortFingerprint(key)).toBe(shortFingerprint(key.slice()));
  // Also the half that the node ID leaves out counts.
  const other = key.with(31, 0);
  expect(nodeId(other)).toBe(nodeId(key));
  expect(shortFingerprint(other)).not.toBe(shortFingerprint(key));
});

test("shortFingerprint refuses a key of another length", () => {
  expect(() => shortFingerprint(new Uint8Array(31))).toThrow(KeyError);
});
