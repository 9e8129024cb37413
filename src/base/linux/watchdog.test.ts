// Tests of the watchdog, on what is not one.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Watchdog, watchdogPaths } from "./watchdog.ts";

/** A folder with empty files of these names. */
function folderOf(...names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "metropolis-watchdog-"));
  for (const name of names) writeFileSync(join(folder, name), "");
  return folder;
}

test("watchdogPaths finds each watchdog once, by its number", () => {
  const folder = folderOf("watchdog", "watchdog0", "watchdog1", "watchdogs", "null");
  expect(watchdogPaths(folder)).toEqual([join(folder, "watchdog0"), join(folder, "watchdog1")]);
});

test("watchdogPaths finds the one that has no number, beside those that have", () => {
  const folder = folderOf("watchdog", "watchdog1");
  expect(watchdogPaths(folder)).toEqual([join(folder, "watchdog"), join(folder, "watchdog1")]);
});

test("watchdogPaths finds nothing on a machine without any", () => {
  expect(watchdogPaths(folderOf("null"))).toEqual([]);
});

test("Watchdog says farewell to a device that refuses the timeout", () => {
  const path = join(folderOf("watchdog"), "watchdog");
  expect(() => new Watchdog(30, path)).toThrow("ioctl watchdog timeout: ENOTTY");
  expect(readFileSync(path, "utf8")).toBe("V");
});
