// What is wrong, gathered.
import { expect, test } from "bun:test";
import { Troubles } from "./troubles.ts";

test("troubles are those of all parts, until a part takes them back", () => {
  const troubles = new Troubles();
  troubles.note("disks", ["a", "b"]);
  troubles.note("clock", ["c"]);
  expect(troubles.all.current).toEqual(["a", "b", "c"]);
  troubles.note("disks", []);
  expect(troubles.all.current).toEqual(["c"]);
});

test("what was said already is no news", () => {
  const troubles = new Troubles();
  troubles.note("clock", ["c"]);
  const before = troubles.all.current;
  troubles.note("clock", ["c"]);
  expect(troubles.all.current).toBe(before);
});

test("a status has room for them", () => {
  const troubles = new Troubles();
  troubles.note(
    "disks",
    Array.from({ length: 99 }, () => "x".repeat(999)),
  );
  expect(troubles.all.current?.join("").length).toBe(600);
});
