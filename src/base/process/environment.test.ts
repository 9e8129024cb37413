// What reaches a child's environment, and what must not.
import { afterEach, expect, test } from "bun:test";
import { environment, run } from "./process.ts";

afterEach(() => {
  delete process.env.METROPOLIS_TEST_SECRET;
  delete process.env.BUN_METROPOLIS_TEST;
});

test("environment inherits nothing but the search path", () => {
  process.env.METROPOLIS_TEST_SECRET = "x";
  expect(Object.keys(environment()).sort()).toEqual(["LANG", "PATH"]);
});

test("environment lets what is given win", () => {
  expect(environment({ PATH: "/only/here", LANG: "C", OTHER: "" })).toEqual({
    PATH: "/only/here",
    LANG: "C",
    OTHER: "",
  });
});

test.each(["BUN_BE_BUN", "BUN_OPTIONS", "BUN_"])("environment drops %s though given", (name) => {
  expect(environment({ [name]: "1", KEPT: "1" })).not.toHaveProperty(name);
  expect(environment({ [name]: "1", KEPT: "1" }).KEPT).toBe("1");
});

test("environment keeps names that merely look alike", () => {
  const given = { BUNDLE: "a", bun_options: "b", MY_BUN_OPTIONS: "c" };
  expect(environment(given)).toMatchObject(given);
});

test("a program sees that environment and nothing of ours", async () => {
  process.env.METROPOLIS_TEST_SECRET = "x";
  process.env.BUN_METROPOLIS_TEST = "x";
  const { text } = await run(["env"], { env: { GIVEN: "yes", BUN_OPTIONS: "--eval 1" } });
  const names = text
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  expect(names.sort()).toEqual(["GIVEN", "LANG", "PATH"]);
});
