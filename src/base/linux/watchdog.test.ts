// Tests of the watchdog, on what is not one.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Watchdog } from "./watchdog.ts";

test("Watchdog throws ENOENT on a machine without one", () => {
  expect(() => new Watchdog(30, "/dev/no-such-watchdog")).toThrow("ENOENT");
});

test("Watchdog says farewell to a device that refuses the timeout", () => {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-watchdog-")), "watchdog");
  writeFileSync(path, "");
  expect(() => new Watchdog(30, path)).toThrow("ioctl watchdog timeout: ENOTTY");
  expect(readFileSync(path, "utf8")).toBe("V");
});
