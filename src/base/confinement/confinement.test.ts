// Tests of the command that confines.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confinedCommand } from "./confinement.ts";
import { systemCallFilter } from "./filter.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "confinement-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const confiner = () => ({ setpriv: "/usr/bin/setpriv", filters: join(folder, "filters") });

test("confinedCommand ends with the program and its arguments", () => {
  const argv = confinedCommand(confiner(), { capabilities: [] }, ["/usr/bin/etcd", "--name=x"]);
  expect(argv[0]).toBe("/usr/bin/setpriv");
  expect(argv.slice(-3)).toEqual(["--", "/usr/bin/etcd", "--name=x"]);
});

test("confinedCommand leaves a filter that everybody can read and nobody else change", () => {
  const systemCalls = { groups: ["clock"] } as const;
  const argv = confinedCommand(confiner(), { capabilities: [], systemCalls }, ["/x"]);
  const path = argv[argv.indexOf("--seccomp-filter") + 1] ?? "";
  expect(readFileSync(path).toHex()).toBe(systemCallFilter(systemCalls).toHex());
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(statSync(join(folder, "filters")).mode & 0o022).toBe(0);
});

test("confinedCommand writes the same filter once", () => {
  const confine = (groups: readonly "clock"[]) =>
    confinedCommand(confiner(), { capabilities: [], systemCalls: { groups } }, ["/x"]);
  for (const groups of [[], ["clock"], []] as const) confine(groups);
  expect(readdirSync(join(folder, "filters")).length).toBe(2);
});
