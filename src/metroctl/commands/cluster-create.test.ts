// What the flags of `cluster create` ask for; what comes of it is for the cluster tests.
import { expect, test } from "bun:test";
import { UsageError } from "../output/user-error.ts";
import { makingOf, nodeCount } from "./cluster/create.ts";

const sizes = { disk: "4G", memory: "2G" };

test("makingOf makes machines of a bundle", () => {
  const bundle = "bundle.zip";
  expect(makingOf({ ...sizes, bundle })).toEqual({ kind: "machines", bundle, ...sizes });
});

test("makingOf makes processes, of the programs where the build puts them", () => {
  const making = makingOf({ ...sizes, processes: true });
  expect(making).toMatchObject({ kind: "processes" });
  expect(making.kind === "processes" && making.programs).toEndWith("/out");
  const programs = "/programs";
  const chosen = makingOf({ ...sizes, processes: true, programs });
  expect(chosen).toEqual({ kind: "processes", programs });
});

test("makingOf wants to know of what", () => {
  expect(() => makingOf(sizes)).toThrow("--bundle=<installation-bundle-path> is missing");
});

test.each([
  ["1", 1],
  ["3", 3],
  ["99", 99],
])("nodeCount takes %s", (text, count) => {
  expect(nodeCount(text)).toBe(count);
});

test.each(["0", "100", "-1", "three", "1.5", ""])("nodeCount refuses %p", (text) => {
  expect(() => nodeCount(text)).toThrow(UsageError);
});
