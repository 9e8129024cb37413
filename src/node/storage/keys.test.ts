// Tests of the keys.
import { expect, test } from "bun:test";
import { dataPassphrase, KeyError } from "./keys.ts";

const nodeKey = new Uint8Array(32).fill(1);
const clusterKey = new Uint8Array(32).fill(2);

test("dataPassphrase never changes", () => {
  // Made once with openssl kdf: every installed disk depends on it.
  expect(dataPassphrase(nodeKey, clusterKey).toHex()).toBe(
    "9ac9414e513807532d8df10d34d784f2b4e7f1f3b946ef8e1a5c0343206ac7ab",
  );
});

test("dataPassphrase needs both halves, in their places", () => {
  const all = [
    dataPassphrase(nodeKey, clusterKey),
    dataPassphrase(clusterKey, nodeKey),
    dataPassphrase(nodeKey, nodeKey),
  ].map((key) => key.toHex());
  expect(new Set(all).size).toBe(3);
});

test("dataPassphrase refuses a half of another length", () => {
  expect(() => dataPassphrase(nodeKey, new Uint8Array(31))).toThrow(KeyError);
  expect(() => dataPassphrase(new Uint8Array(), clusterKey)).toThrow("node unlock key has 0 bytes");
});
