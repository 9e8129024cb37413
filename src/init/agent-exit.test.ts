// Tests of what an agent's end means.
import { expect, test } from "bun:test";
import { describeExit, endingOf, nextPause } from "./agent-exit.ts";

test.each([
  [{ exitCode: 64, signal: null }, "reboot"],
  [{ exitCode: 65, signal: null }, "power off"],
  [{ exitCode: 0, signal: null }, undefined],
  [{ exitCode: 1, signal: null }, undefined],
  [{ exitCode: null, signal: "SIGKILL" }, undefined],
  [{ exitCode: null, signal: null }, undefined],
] as const)("endingOf %o is %p", (status, ending) => {
  expect(endingOf(status)).toBe(ending);
});

test.each([
  [{ exitCode: 7, signal: null }, "exited with code 7"],
  [{ exitCode: null, signal: "SIGSEGV" }, "was killed by SIGSEGV"],
  [{ exitCode: null, signal: null }, "could not be started"],
] as const)("describeExit %o says it %s", (status, text) => {
  expect(describeExit(status)).toBe(text);
});

test("nextPause doubles up to a minute while the agent crashes at once", () => {
  const pauses = [0];
  for (let round = 0; round < 10; round++) pauses.push(nextPause(pauses.at(-1) ?? 0, 100));
  expect(pauses.slice(1, 5)).toEqual([500, 1_000, 2_000, 4_000]);
  expect(pauses.at(-1)).toBe(60_000);
});

test("nextPause begins anew after a long run", () => {
  expect(nextPause(32_000, 10 * 60_000)).toBe(500);
});
