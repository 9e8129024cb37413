// Tests that the numbers are those of the kernel's own headers.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { allGroups, numbers, systemCallGroups } from "./system-calls.ts";

/** Brought by the package that every C compiler of Debian needs, and so by our kernel's build. */
const HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

function known(): ReadonlyMap<string, number> {
  const text = readFileSync(HEADER, "utf8");
  const lines = text.matchAll(/^#define __NR_(\w+) (\d+)$/gm);
  return new Map([...lines].map(([, name = "", number]) => [name, Number(number)]));
}

test.each(allGroups)("the calls of the group %s have the kernel's numbers", (group) => {
  const header = known();
  const calls = Object.entries<number>(systemCallGroups[group]);
  expect(calls.map(([name]) => [name, header.get(name)])).toEqual(calls);
});

test("the calls whose arguments are looked at have the kernel's numbers", () => {
  const header = known();
  const { last: _, ...calls } = numbers;
  const named = Object.entries(calls);
  expect(named.map(([name]) => [name, header.get(name)])).toEqual(named);
});

test("no call is in two groups", () => {
  const all = allGroups.flatMap((group) => Object.keys(systemCallGroups[group]));
  expect(new Set(all).size).toBe(all.length);
});
