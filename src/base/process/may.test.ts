// Tests of the words for what a process may do.
import { expect, test } from "bun:test";
import { whatItMay } from "./may.ts";

test("whatItMay names this process's user, and that it is not confined", () => {
  const words = whatItMay(process.pid) ?? "";
  expect(words).toStartWith(`user ${process.geteuid?.()}, `);
  expect(words).toMatch(/capabilities/);
});

test("whatItMay is silent about a process that is not there", () => {
  expect(whatItMay(2 ** 30)).toBeUndefined();
});
