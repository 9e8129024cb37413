// Tests of agreeing on a leader.
import { expect, test } from "bun:test";
import { Agreement, type Known } from "./agreement.ts";

const three = new Set(["a", "b", "c"]);

/** An agreement after so many words, each written as `by>leader`. */
function after(known: Partial<Known>, ...words: readonly string[]): Agreement {
  const agreement = new Agreement({ seeds: [], members: three, ...known });
  for (const word of words) {
    const [by = "", id = ""] = word.split(">");
    agreement.hear({ by, leader: { target: `at ${id}`, id } });
  }
  return agreement;
}

test.each([
  // The leader that a member names has a word too, which it gives by serving.
  [["b>a"], "a"],
  [["b>a", "c>a"], "a"],
  [["c>c"], undefined],
  [["c>c", "b>a"], "a"],
  [["c>a", "a>b"], "b"],
  // Who is no member counts neither as leader nor as a voice.
  [["x>x"], undefined],
  [["b>x"], undefined],
  [["b>x", "c>x"], "x"],
] as const)("Agreement.settled of %p is %p", (words, leader) => {
  expect(after({}, ...words).settled()?.id).toBe(leader);
});

test("Agreement.hear tells which words count", () => {
  const leader = { target: "", id: "a" };
  const agreement = after({ own: "self" });
  expect(["a", "x", "self"].map((by) => agreement.hear({ by, leader }))).toEqual([
    true,
    false,
    true,
  ]);
});

test("Agreement.settled takes the own member at its word, and anybody's where nobody is known", () => {
  expect(after({ own: "self" }, "self>x").settled()?.id).toBe("x");
  expect(after({ members: new Set() }, "y>x").settled()?.id).toBe("x");
});

test("Agreement.likely takes what all say who answer, and nothing where they differ", () => {
  const five = new Set(["a", "b", "c", "d", "e"]);
  expect(after({ members: five }, "b>a").likely()?.id).toBe("a");
  expect(after({ members: five }, "b>a", "c>c").likely()).toBeUndefined();
  expect(after({ members: five }).likely()).toBeUndefined();
});

test("Agreement.likely is never less than a majority for who insists on one", () => {
  const five = { members: new Set(["a", "b", "c", "d", "e"]), isStrict: true };
  expect(after(five, "b>a").likely()).toBeUndefined();
  expect(after(five, "b>a", "c>a").likely()?.id).toBe("a");
});

test("Agreement.describe says who said what", () => {
  expect(after({}).describe()).toBe("nobody answers");
  expect(after({}, "c>c").describe()).toBe("the 3 known members do not agree: c says c");
});

test("Agreement has one who leads where he has said so himself, whatever others say of that", () => {
  const agreement = after({}, "b>a");
  expect(agreement.isOwnWord({ id: "a", target: "" })).toBe(false);
  agreement.hear({ by: "a", leader: { id: "a", target: "here" } });
  expect(agreement.isOwnWord({ id: "a", target: "" })).toBe(true);
  expect(agreement.settled()?.target).toBe("here");
  expect(agreement.likely()?.target).toBe("here");
});
