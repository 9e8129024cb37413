// Tests of bounded sets: who has to go.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { BoundedSet } from "./bounded-set.ts";

function boundedSet(most: number, mostOfOne: number) {
  const gone: number[] = [];
  return {
    gone,
    all: new BoundedSet<number>({ most, mostOfOne, evict: (item) => gone.push(item) }),
  };
}

test("BoundedSet puts out the oldest of the same origin first", () => {
  const { all, gone } = boundedSet(10, 2);
  all.add(1, "quiet");
  for (const item of [2, 3, 4]) all.add(item, "loud");
  expect(gone).toEqual([2]);
  expect([...all]).toEqual([1, 3, 4]);
});

test("BoundedSet puts out the oldest of all when many origins fill it", () => {
  const { all, gone } = boundedSet(3, 2);
  for (const item of [1, 2, 3, 4, 5]) all.add(item, `origin ${item}`);
  expect(gone).toEqual([1, 2]);
  all.delete(3);
  all.delete(99);
  all.add(6, "another");
  expect([...all]).toEqual([4, 5, 6]);
});

test("BoundedSet keeps both bounds, whatever comes and goes", () => {
  const step = fc.record({ origin: fc.nat(4), leaves: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { all } = boundedSet(6, 3);
      const origins = new Map<number, number>();
      for (const [item, { origin, leaves }] of steps.entries()) {
        const [oldest] = all;
        if (leaves && oldest !== undefined) all.delete(oldest);
        origins.set(item, origin);
        all.add(item, String(origin));
        const counts = Object.groupBy([...all], (each) => origins.get(each) ?? -1);
        expect(all.size).toBeLessThanOrEqual(6);
        for (const group of Object.values(counts)) expect(group?.length).toBeLessThanOrEqual(3);
        expect([...all]).toContain(item);
      }
    }),
    { numRuns: 50 },
  );
});
