// Tests of errors as text.
import { expect, test } from "bun:test";
import { causes, errorText } from "./error-text.ts";

const inner = new RangeError("EBUSY");
const outer = new TypeError("mount xfs", { cause: inner });

test.each<[unknown, string]>([
  [inner, "EBUSY"],
  [outer, "mount xfs: EBUSY"],
  [new TypeError("a", { cause: "plain text" }), "a: plain text"],
  [new TypeError("", { cause: inner }), "TypeError: EBUSY"],
  ["just text", "just text"],
  [undefined, "undefined"],
  [new AggregateError([outer, inner], "all failed"), "all failed (mount xfs: EBUSY; EBUSY)"],
  [new AggregateError([inner], ""), "EBUSY"],
])("errorText(%p) is %j", (error, text) => {
  expect(errorText(error)).toBe(text);
});

test("causes gives up on circles", () => {
  const circular = new TypeError("round");
  circular.cause = circular;
  expect(causes(circular).length).toBe(16);
});
