// Tests of what to do next while nobody leads.
import { expect, test } from "bun:test";
import { nextStep } from "./next-step.ts";
import type { Member } from "./survey.ts";

/** Members a, b, … in these states. */
function members(...states: readonly Member["state"][]): readonly Member[] {
  return states.map((state, at) => {
    const id = String.fromCharCode("a".charCodeAt(0) + at);
    return { id, host: `10.1.0.${at + 2}`, state, troubles: [] };
  });
}

const restore = "metroctl cluster restore <address> <file>";

test.each([
  [["up", "silent", "silent"], "of 3 members 2 are needed, and 1 answer: switch on b, c; "],
  [["locked", "silent", "silent"], "and 1 answer: switch on b, c; "],
  [["silent"], "of 1 members 1 are needed, and 0 answer: switch on a; "],
  [["up", "failing", "failing"], "and b, c cannot run: mend what is wrong there, "],
  [["failing", "locked", "silent"], "and a cannot run"],
] as const)("nextStep while the members are %j, and then a restore", (states, text) => {
  expect(nextStep(members(...states))).toContain(text);
  expect(nextStep(members(...states))).toEndWith(restore);
});

test("nextStep opens those that are locked", () => {
  const step = nextStep(members("locked", "locked", "up"));
  const text = "are open: locked ones open each other in a moment";
  expect(step).toStartWith(`of 3 members 2 are needed, and 1 ${text}; `);
  expect(step).toEndWith("metroctl cluster recover 10.1.0.2 10.1.0.3");
});

test("nextStep waits for an election where enough of them are up", () => {
  const step = nextStep(members("up", "up", "silent"));
  expect(step).toEndWith("and 2 are up: they elect one in a few seconds, run it again");
});
