// What keepers leave in files and take along in their environment; their life is tested with
// whole clusters, in cluster.test.ts.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../base/process/process.ts";
import { keeper, keeperCommand, keeperEnvironment, readKeeperState } from "./keeper.ts";
import { pathsOf } from "./paths.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keeper-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("readKeeperState reads what a keeper wrote", () => {
  const paths = pathsOf(folder);
  expect(readKeeperState(paths)).toBeUndefined();
  writeFileSync(paths.keeper, '{"pid":12,"socksPort":1080,"later":true}\n');
  expect(readKeeperState(paths)).toEqual({ pid: 12, socksPort: 1080 });
});

test.each([
  "",
  '{"pid":1',
  "null",
  "7",
  "[]",
  '{"pid":"12","socksPort":1}',
  '{"pid":12}',
  '{"socksPort":1}',
])("readKeeperState takes %s for no keeper", (text) => {
  const paths = pathsOf(folder);
  writeFileSync(paths.keeper, text);
  expect(readKeeperState(paths)).toBeUndefined();
});

test("keeperEnvironment takes along what decides paths, and no secrets", () => {
  process.env.SECRET_TOKEN = "hunter2";
  try {
    const environment = keeperEnvironment();
    expect(Object.values(environment)).not.toContain("hunter2");
    const known = ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "PATH"];
    for (const name of Object.keys(environment))
      expect([...known, "METROPOLIS_ROLE"]).toContain(name);
    expect(environment.PATH?.split(":")).toContain("/usr/sbin");
  } finally {
    delete process.env.SECRET_TOKEN;
  }
});

test("keeperCommand starts this very keeper", async () => {
  const failure = await run(keeperCommand(["neither"]), { env: keeperEnvironment() }).catch(String);
  expect(failure).toContain("keeper: want a half and a folder");
});

test("keeper wants to be told its folder", async () => {
  await expect(keeper(["inside"])).rejects.toThrow("want a half and a folder");
});
