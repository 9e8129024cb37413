// Executables that run by themselves, and what makes the build compile them again.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { executableStages } from "./executable.ts";
import { runGraph, stageKeys } from "./graph.ts";
import { host } from "./host.ts";
import { testSettings } from "./test-settings.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "executable-"));
  await write("package.json", '{"name": "tiny", "type": "module"}');
  await write("bun.lock", "");
  await write("tsconfig.json", "{}");
  await write("src/main.ts", 'console.log(await import("./role.ts").then((m) => m.say()));');
  await write("src/role.ts", "export const say = () => 'hello from ' + process.argv0;");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  const file = join(folder, "checkout", path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

const stages = () => executableStages(testSettings(folder));

async function key(): Promise<string | undefined> {
  return (await stageKeys(stages())).get("executable");
}

test("executableStages compile a program that runs by itself", async () => {
  const results = await runGraph(stages(), ["executable"], { cache: join(folder, "cache") });
  const program = join(results.get("executable")?.folder ?? "", "metropolis");
  expect(await host([program])).toBe(`hello from ${program}\n`);
});

test("executableStages make one for each kind of machine, with keys of their own", async () => {
  const keys = await stageKeys(stages());
  expect([...keys.keys()]).toEqual(["executable", "metroctl-linux-arm64", "metroctl-darwin-arm64"]);
  expect(new Set(keys.values()).size).toBe(3);
});

test("executableStages start again when a source or the lock of packages changes", async () => {
  const first = await key();
  await write("src/role.ts", 'export const say = () => "other words";');
  const second = await key();
  await write("bun.lock", "other packages");
  expect(new Set([first, second, await key()]).size).toBe(3);
});

test("executableStages do not care for tests and for the build itself", async () => {
  const before = await key();
  await write("src/role.test.ts", "// a test");
  await write("src/image/build/stage.ts", "// a stage");
  expect(await key()).toBe(before);
});
