// Tests of what may be read of somebody.
import { expect, test } from "bun:test";
import { ByteBudget } from "./byte-budget.ts";
import { usualLimits } from "./limits.ts";
import { StrangerBudgets } from "./stranger-budgets.ts";

const rate = { burst: 1_000, perSecond: 100 };

test("ByteBudget makes whoever had too much wait for as long as that takes", () => {
  let now = 0;
  const budget = new ByteBudget(rate, undefined, () => now);
  budget.spend(1_000);
  expect(budget.restMs).toBe(0);
  budget.spend(200);
  expect(budget.restMs).toBe(2_000);
  now = 1_500;
  expect(budget.restMs).toBe(500);
  now = 60_000;
  budget.spend(1_100);
  expect(budget.restMs).toBe(1_000);
});

test("ByteBudget forgives what is owed beyond a while", () => {
  let now = 0;
  const budget = new ByteBudget(rate, 3_000, () => now);
  budget.spend(50_000);
  expect(budget.restMs).toBe(3_000);
  now = 3_000;
  expect(budget.restMs).toBe(0);
});

test("StrangerBudgets has one for an address, however often it dials, and one for all", () => {
  const budgets = new StrangerBudgets({
    ...{ ...usualLimits, strangerBytes: rate, strangerBytesPerAddress: rate },
    allStrangerBytes: { burst: 1_500, perSecond: 100 },
  });
  const rest = (origin: string) => Math.max(...budgets.of(origin).map(({ restMs }) => restMs));
  for (const budget of budgets.of("192.0.2.1")) budget.spend(1_200);
  expect(rest("192.0.2.1")).toBeGreaterThan(1_000);
  expect(rest("192.0.2.2")).toBe(0);
  for (const budget of budgets.of("192.0.2.2")) budget.spend(800);
  expect(rest("192.0.2.3")).toBeGreaterThan(1_000);
});
