// The list of Debian packages, against search paths made for the purpose.
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installLine, isInstalled, missingPackages, needs, programPath } from "./packages.ts";

/** A folder with empty programs of these names. */
function folderWith(...programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "packages-"));
  for (const program of programs) {
    writeFileSync(join(folder, program), "#!/bin/sh\n");
    chmodSync(join(folder, program), 0o755);
  }
  return folder;
}

test("missingPackages names every package once when nothing is there", () => {
  const missing = missingPackages("machines", folderWith());
  expect(missing).toContain("swtpm-tools");
  expect(new Set(missing).size).toBe(missing.length);
});

test("missingPackages names nothing when all programs are there", () => {
  expect(missingPackages("machines", folderWith(...needs.map(({ program }) => program)))).toEqual(
    [],
  );
});

test("missingPackages names the package, not the program", () => {
  const all = needs.map(({ program }) => program).filter((program) => program !== "ip");
  expect(missingPackages("machines", folderWith(...all))).toEqual(["iproute2"]);
});

test("isInstalled looks where ordinary users of Debian do not", () => {
  expect(programPath.split(":")).toContain("/usr/sbin");
  expect(isInstalled("sh")).toBe(true);
});

test("installLine asks for root's rights only where they are missing", () => {
  const line = "apt-get install -y --no-install-recommends socat swtpm";
  expect(installLine(["socat", "swtpm"], true)).toBe(line);
  expect(installLine(["socat", "swtpm"], false)).toBe(`sudo ${line}`);
});

test("missingPackages wants less where nodes are processes", () => {
  const some = folderWith("ip", "unshare", "microsocks");
  expect(missingPackages("processes", some)).toEqual([]);
  expect(missingPackages("machines", some)).toContain("qemu-system-x86");
});
