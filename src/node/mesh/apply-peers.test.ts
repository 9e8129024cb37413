// Tests of how peers get to the device, and of what is said about those that do not.
import { expect, test } from "bun:test";
import { applyPeers } from "./apply-peers.ts";
import { RefusalLog } from "./refusal-log.ts";
import { meshPeer, TestDevice } from "./test-peers.ts";

const [a, b, c] = [meshPeer("a", 1), meshPeer("b", 2), meshPeer("c", 3)];

test("applyPeers replaces all peers at once", async () => {
  const device = new TestDevice();
  await applyPeers(device, [a, b]);
  expect(await applyPeers(device, [b, c])).toEqual(new Map());
  expect([...device.peers.values()]).toEqual([b, c]);
});

test("applyPeers leaves out one that the device cannot take, and follows the others", async () => {
  const device = new TestDevice();
  await applyPeers(device, [a, c]);
  device.indigestible.add("b");
  const failed = await applyPeers(device, [b, c]);
  expect([...failed]).toEqual([["b", "wg: unable to parse b"]]);
  expect([...device.peers.values()]).toEqual([c]);
});

test("applyPeers throws where there is no device any more", async () => {
  const device = new TestDevice();
  device.isGone = true;
  await expect(applyPeers(device, [a])).rejects.toThrow("no such device");
});

test("RefusalLog says a reason once, and nothing else of that node for a minute", () => {
  let now = 0;
  const log = new RefusalLog(() => now);
  const lines = (...entries: [string, string][]) => log.lines(new Map(entries));
  expect(lines(["a", "x"])).toEqual(["a is no peer: x"]);
  expect(lines(["a", "x"], ["b", "y"])).toEqual(["b is no peer: y"]);
  now = 59_000;
  expect(lines(["a", "z"])).toEqual([]);
  // Well for a moment, so that it would be said again.
  expect(lines()).toEqual([]);
  expect(lines(["a", "z"])).toEqual([]);
  now = 61_000;
  expect(lines(["a", "z"])).toEqual(["a is no peer: z"]);
  now = 200_000;
  expect(lines(["a", "z"])).toEqual([]);
});
