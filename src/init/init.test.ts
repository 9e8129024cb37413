// Tests of how init starts the agent.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandFor } from "./init.ts";

test("commandFor starts the node agent with less than init has", () => {
  const filters = mkdtempSync(join(tmpdir(), "init-"));
  try {
    const { argv } = commandFor("node", filters);
    expect(argv[0]).toBe("/usr/bin/setpriv");
    expect(argv.at(-1)).toBe("/usr/lib/metropolis/node");
    expect(argv).toContain("--no-new-privs");
    const bounding = argv.find((word) => word.startsWith("--bounding-set=")) ?? "";
    expect(bounding).toMatch(/^--bounding-set=-all,/);
    expect(bounding).not.toMatch(/sys_(module|rawio|boot|ptrace)/);
  } finally {
    rmSync(filters, { recursive: true });
  }
});

test("commandFor starts the installer as init itself is", () => {
  expect(commandFor("installer").argv[0]).toBe(process.execPath);
});
