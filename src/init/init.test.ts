// Tests of how init starts the agent.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandFor } from "./init.ts";

test("commandFor starts the node agent with less than init has", () => {
  const filters = mkdtempSync(join(tmpdir(), "init-"));
  try {
    const { argv } = commandFor("node", filters);
    expect(argv.slice(0, 2)).toEqual(["/usr/bin/unshare", "--mount"]);
    expect(argv).toContain("/usr/bin/setpriv");
    expect(argv.at(-1)).toBe("/usr/lib/metropolis/node");
    expect(argv).toContain("--no-new-privs");
    const bounding = argv.find((word) => word.startsWith("--bounding-set=")) ?? "";
    expect(bounding).toMatch(/^--bounding-set=-all,/);
    expect(bounding).not.toMatch(/sys_(module|rawio|boot|ptrace)/);
  } finally {
    rmSync(filters, { recursive: true });
  }
});

test("commandFor takes no filter that an agent has left behind", () => {
  const filters = mkdtempSync(join(tmpdir(), "init-"));
  try {
    const written = () => readdirSync(filters).map((name) => readFileSync(join(filters, name)));
    commandFor("node", filters);
    const [own] = written();
    for (const name of readdirSync(filters)) writeFileSync(join(filters, name), "");
    commandFor("node", filters);
    expect(written()).toEqual([own ?? Buffer.of()]);
  } finally {
    rmSync(filters, { recursive: true });
  }
});

test("commandFor starts the installer as init itself is", () => {
  expect(commandFor("installer").argv[0]).toBe(process.execPath);
});
