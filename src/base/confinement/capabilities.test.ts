// Tests of the names of capabilities.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { capabilities, parseCapabilities } from "./capabilities.ts";

test("capabilities have the kernel's numbers", () => {
  const text = readFileSync("/usr/include/linux/capability.h", "utf8");
  const lines = [...text.matchAll(/^#define CAP_([A-Z_]+)\s+(\d+)$/gm)];
  const header = Object.fromEntries(
    lines.map(([, name = "", number]) => [name.toLowerCase(), Number(number)]),
  );
  expect(header).toEqual(capabilities);
});

test.each([
  ["0000000000000000", []],
  ["0000000000001000", ["net_admin"]],
  ["0000000002002000", ["net_raw", "sys_time"]],
] as const)("parseCapabilities reads %s", (hex, names) => {
  expect(parseCapabilities(hex)).toEqual([...names]);
});

test("parseCapabilities reads all, and leaves out what it does not know", () => {
  expect(parseCapabilities("ffffffffffffffff").length).toBe(Object.keys(capabilities).length);
});
