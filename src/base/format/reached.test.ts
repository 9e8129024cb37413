// Tests of where a machine is reached.
import { expect, test } from "bun:test";
import { allAddresses, nearest, reachable } from "./reached.ts";

test("allAddresses are all, or the one that is known", () => {
  expect(allAddresses(undefined)).toEqual([]);
  expect(allAddresses({ externalAddress: "", addresses: [] })).toEqual([]);
  expect(allAddresses({ externalAddress: "10.1.0.2", addresses: [] })).toEqual(["10.1.0.2"]);
  const both = ["10.1.0.2", "fd00::2"];
  expect(allAddresses({ externalAddress: "10.1.0.2", addresses: both })).toEqual(both);
});

test.each([
  [["10.1.0.2", "fd00::2"], ["fd00::9"], "fd00::2"],
  [["10.1.0.2", "fd00::2"], ["fd00::9", "10.9.0.1"], "10.1.0.2"],
  [["10.1.0.2"], ["fd00::9"], undefined],
  [["fd00::2"], [], "fd00::2"],
  [["fd00::2"], [""], "fd00::2"],
  [[], ["10.1.0.2"], undefined],
])("nearest of %j for %j is %p", (addresses, own, found) => {
  expect(nearest(addresses, own)).toBe(found);
});

test("reachable are all of the families that one has, in their order", () => {
  const all = ["10.1.0.2", "fd00::2", "10.2.0.2"];
  expect(reachable(all, ["10.9.0.1"])).toEqual(["10.1.0.2", "10.2.0.2"]);
  expect(reachable(all, ["fd00::9", "10.9.0.1"])).toEqual(all);
  expect(reachable(all, [""])).toEqual(all);
});
