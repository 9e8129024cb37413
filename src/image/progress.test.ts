// Progress that is neither chatty nor short of its end.
import { expect, test } from "bun:test";
import { type ProgressStep, reportSteps } from "./progress.ts";

function reported(total: number, pieces: readonly number[]): ProgressStep[] {
  const steps: ProgressStep[] = [];
  const report = reportSteps((step) => steps.push(step), "Copying", total);
  for (const piece of pieces) report(piece);
  return steps;
}

test("reportSteps adds pieces up", () => {
  expect(reported(10, [4, 6])).toEqual([
    { step: "Copying", done: 4, total: 10 },
    { step: "Copying", done: 10, total: 10 },
  ]);
});

test("reportSteps reports each percent once", () => {
  const steps = reported(100_000, new Array(100_000).fill(1));
  expect(steps.length).toBe(101);
  expect(steps.at(-1)?.done).toBe(100_000);
});

test("reportSteps ends at all of nothing", () => {
  expect(reported(0, [0])).toEqual([{ step: "Copying", done: 0, total: 0 }]);
});
