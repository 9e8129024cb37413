// `metroctl cluster create --processes --nodes 3` as somebody who is not root, through
// the command that a person types; and that its end leaves nothing.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/base/process/process.ts";
import { Operator } from "./operator.ts";
import { outputs, settle } from "./support.ts";

const home = mkdtempSync(join(tmpdir(), "ordinary-user-"));
const operator = new Operator(home);
const GONE_MS = 30_000;

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs metroctl without any of root's rights, whoever runs the test. */
async function metroctl(...words: readonly string[]): Promise<string> {
  const { argv, env } = operator.command(...words);
  const user = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
  const state = { XDG_STATE_HOME: join(home, "state"), XDG_RUNTIME_DIR: join(home, "run") };
  return (await run([...user, ...argv], { env: { ...env, ...state } })).text;
}

/** Processes that have to do with our folder, by their command, environment or mounts. */
function processes(): readonly string[] {
  const mentions = (pid: string) =>
    ["cmdline", "environ", "mountinfo"].some((file) =>
      read(join("/proc", pid, file)).includes(home),
    );
  return readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid && mentions(name),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

test("an ordinary user makes three nodes, and destroys them without a trace", async () => {
  const start = performance.now();
  const programs = `--programs=${outputs("")}`;
  await metroctl("cluster", "create", "mine", "--processes", "--nodes=3", programs);
  console.log(`three nodes of an ordinary user: ${Math.round(performance.now() - start)} ms`);
  const nodes: unknown = JSON.parse(
    await metroctl("--context", "mine", "node", "describe", "-o", "json"),
  );
  expect(JSON.stringify(nodes).match(/HEALTHY/g)).toHaveLength(3);
  expect(await metroctl("cluster", "list")).toMatch(/^mine +running +3\/3/m);
  await metroctl("cluster", "destroy", "mine");
  await settle("its processes to be gone", GONE_MS, () => processes().length === 0);
  const left = readdirSync(home, { recursive: true, encoding: "utf8" });
  expect(left.filter((path) => path.includes("mine") || path.startsWith("run/"))).toEqual([
    ...left.filter((path) => path === "run/metropolis"),
  ]);
});
