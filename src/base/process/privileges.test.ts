// Tests of the words for what a process may do.
import { expect, test } from "bun:test";
import { describePrivileges } from "./privileges.ts";

test("describePrivileges names this process's user, and that it is not confined", () => {
  const words = describePrivileges(process.pid) ?? "";
  expect(words).toStartWith(`user ${process.geteuid?.()}, `);
  expect(words).toMatch(/capabilities/);
});

test("describePrivileges is silent about a process that is not there", () => {
  expect(describePrivileges(2 ** 30)).toBeUndefined();
});
