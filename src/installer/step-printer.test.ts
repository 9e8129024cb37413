// Tests of progress in lines.
import { expect, test } from "bun:test";
import { stepPrinter } from "./step-printer.ts";

test("stepPrinter prints each tenth of each step once", () => {
  const lines: string[] = [];
  const progress = stepPrinter((line) => lines.push(line));
  for (let done = 0; done <= 100; done += 5) progress({ step: "Writing", done, total: 100 });
  progress({ step: "Checking", done: 0, total: 0 });
  expect(lines).toHaveLength(12);
  expect(lines.slice(0, 2)).toEqual(["Writing: 0%", "Writing: 10%"]);
  expect(lines.slice(-2)).toEqual(["Writing: 100%", "Checking: 100%"]);
});
