// Tests of the map with a bound.
import { expect, test } from "bun:test";
import { BoundedMap } from "./bounded-map.ts";

test("BoundedMap forgets what was written longest ago", () => {
  const map = new BoundedMap<number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  expect(map.get("b")).toBe(2);
  map.set("c", 4);
  expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([3, undefined, 4]);
});
