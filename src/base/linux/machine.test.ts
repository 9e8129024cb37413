// Tests of what the kernel says about the machine, and of kernel settings.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bootId,
  commandLine,
  dmi,
  isTranslated,
  parseCommandLine,
  uptimeSeconds,
} from "./machine.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

test("bootId is a GUID", () => {
  expect(bootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});

test("uptimeSeconds is positive", () => {
  expect(uptimeSeconds()).toBeGreaterThan(0);
});

test("dmi reads fields and leaves absent ones empty", () => {
  const root = mkdtempSync(join(tmpdir(), "metropolis-dmi-"));
  writeFileSync(join(root, "sys_vendor"), "QEMU\n");
  expect(dmi(root)).toEqual({ vendor: "QEMU", product: "", serial: "", firmwareVersion: "" });
});

test("parseCommandLine keeps quoted spaces together", () => {
  expect(parseCommandLine('ro dm-mod.create="system,,,ro,0 8 verity" console=tty0\n')).toEqual([
    "ro",
    "dm-mod.create=system,,,ro,0 8 verity",
    "console=tty0",
  ]);
});

test("parseCommandLine ends where the kernel stops reading", () => {
  expect(parseCommandLine("ro x=a--b -- verbose root=/dev/vda1")).toEqual(["ro", "x=a--b"]);
});

test("commandLine has no empty words", () => {
  expect(commandLine()).not.toContain("");
});

test("readSysctl reads a setting by its dotted name", () => {
  expect(readSysctl("kernel.ostype")).toBe("Linux");
});

test("writeSysctl fails with the reason on a setting that does not exist", () => {
  expect(() => writeSysctl("kernel.no_such_setting", "1")).toThrow();
});

test("isTranslated knows QEMU's own processor", () => {
  const file = join(tmpdir(), `cpuinfo-${process.pid}`);
  writeFileSync(file, "processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\n");
  expect(isTranslated(file)).toBe(true);
  writeFileSync(file, "processor\t: 0\nmodel name\t: AMD EPYC\n");
  expect(isTranslated(file)).toBe(false);
  rmSync(file);
});
