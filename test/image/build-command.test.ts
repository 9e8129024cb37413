// The build as a person calls it: what it lists, what it answers, how it fails.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("../..", import.meta.url));
let cache = "";
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "build-command-"));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function build(...args: readonly string[]): Promise<Answer> {
  const child = Bun.spawn([process.execPath, "build.ts", ...args], {
    cwd: top,
    env: { ...process.env, METROPOLIS_CACHE: cache },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}

test("build.ts list names every stage with a line on what it makes", async () => {
  const { code, stdout } = await build("list");
  expect(code).toBe(0);
  const names = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");
  for (const name of ["kernel", "executable", "system", "uki", "installer", "bundle", "firmware"]) {
    expect(names).toContain(name);
  }
});

test("build.ts keys makes keys, and its last line is where they are", async () => {
  const { code, stdout, stderr } = await build("keys");
  expect(stderr).toContain("keys         done in");
  expect(code).toBe(0);
  expect((await readdir(stdout.trimEnd())).toSorted()).toContain("db.key");
  expect(await readdir(join(cache, "out/keys"))).toContain("PK.crt");
  const again = await build("keys");
  expect(again.stdout).toBe(stdout);
  expect(again.stderr).toContain("keys         cached");
});

test("build.ts --keys signs with other keys, and fails when they are not whole", async () => {
  const { code, stderr } = await build("--keys", cache, "keys");
  expect(code).toBe(1);
  expect(stderr).toContain("PK.key");
});

test("build.ts refuses what it does not know, in one line", async () => {
  const { code, stdout, stderr } = await build("rocket");
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).toContain('no stage is called "rocket"');
});

test("build.ts --help says how it is called", async () => {
  const { code, stdout } = await build("--help");
  expect(code).toBe(0);
  expect(stdout).toStartWith("usage: bun build.ts");
});
