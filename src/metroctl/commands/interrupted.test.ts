// Ctrl-C in the middle of commands that write files: what is there afterwards, and their exit code.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../base/event/test-until.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

test("an interrupted backup keeps the file of before, and ends as the handbook says", async () => {
  const file = join(plane.home, "cluster.backup");
  writeFileSync(file, "the backup of before");
  plane.backup = (async function* () {
    yield new Uint8Array(1_000);
    await new Promise(() => {});
  })();
  const { child, output } = plane.begin("cluster", "backup", file);
  await until(() => existsSync(`${file}.part`));
  child.kill("SIGINT");
  expect((await child.exited).exitCode).toBe(130);
  expect(output()).toEndWith(`Error: interrupted: nothing was written to ${file}\n`);
  expect(readFileSync(file, "utf8")).toBe("the backup of before");
  expect(existsSync(`${file}.part`)).toBe(false);
});

test("Ctrl-C ends a log that is followed, and nothing is said about it", async () => {
  plane.logsGoOn = true;
  plane.logAnswers = [
    { backlogEntries: [{ dn: "a", kind: { case: "raw", value: { data: "x" } } }] },
  ];
  const { child, output } = plane.begin("node", "logs", "--follow", plane.id);
  await until(() => output().endsWith("R x\n"));
  child.kill("SIGINT");
  expect((await child.exited).exitCode).toBe(130);
  expect(output()).toEndWith("R x\n");
});
