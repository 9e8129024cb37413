import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTests, tallyOf } from "./bun-tests.ts";

const folder = mkdtempSync(join(tmpdir(), "bun-tests-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files of tests, each with one test, and runs them in two lanes. */
function run(name: string, ...bodies: readonly string[]) {
  const paths = bodies.map((body, index) => {
    const path = join(folder, `${name}-${index}.test.ts`);
    writeFileSync(
      path,
      `import { test } from "bun:test";
       import { existsSync, writeFileSync } from "node:fs";
       test("${name} ${index}", async () => { ${body} });`,
    );
    return path;
  });
  // Failures that are meant to be are nothing to show.
  return runTests({ paths, lanes: 2, print: () => {} });
}

/** Done when the other one runs at the same time. */
function meet(own: string, other: string): string {
  return `writeFileSync("${folder}/${own}", "");
    while (!existsSync("${folder}/${other}")) await Bun.sleep(5);`;
}

test("runTests runs files beside each other", async () => {
  const tally = await run("meets", meet("a", "b"), meet("b", "a"));
  expect(tally).toEqual({ passed: 2, failed: 0, failures: [] });
});

test("runTests counts what failed, and gathers what was printed of it", async () => {
  const { passed, failed, failures } = await run("fails", "", 'throw new Error("the reason")');
  expect({ passed, failed }).toEqual({ passed: 1, failed: 1 });
  expect(failures.join()).toContain("fails-1.test.ts:\n");
  expect(failures.join()).toContain("error: the reason");
  expect(failures.join()).toContain("(fail) fails 1");
  expect(failures.join()).not.toContain("fails 0");
});

test.each([
  ["is killed", 'process.kill(process.pid, "SIGKILL")'],
  ["ends by itself, as if all were well", "process.exit(0)"],
])("runTests counts a lane that %s as a failure", async (_, body) => {
  const { passed, failed, failures } = await run("ends", body, "");
  expect({ passed, failed }).toEqual({ passed: 1, failed: 1 });
  expect(failures.join()).toContain("✗ ");
  expect(failures.join()).toContain("ends-0.test.ts (worker crashed");
});

test("runTests gives files their limit that are not the first of their lane", async () => {
  // Longer than Bun's own limit. Two lanes have the first two files.
  const tally = await run("sleeps", "", "", "await Bun.sleep(5_100);");
  expect(tally).toEqual({ passed: 3, failed: 0, failures: [] });
});

test("tallyOf counts a run without a summary as a failure, whatever its exit code", () => {
  for (const code of [0, 1, 139]) {
    expect(tallyOf(code, "bun test\n")).toEqual({ passed: 0, failed: 1, failures: ["bun test"] });
  }
});

test("tallyOf gathers what Bun printed of a failure in several pieces", () => {
  const text = `a.test.ts:
(fail) one [1.00ms]

b.test.ts:
(pass) other [1.00ms]

a.test.ts:
error: why
(pass) two [1.00ms]

b.test.ts:
(pass) another [1.00ms]

1 tests failed:
(fail) one [1.00ms]

 3 pass
 1 fail
`;
  const failures = ["a.test.ts:\n(fail) one [1.00ms]\nerror: why"];
  expect(tallyOf(1, text)).toEqual({ passed: 3, failed: 1, failures });
});

test("tallyOf counts errors outside of tests", () => {
  const text = "a.test.ts:\n# Unhandled error between tests\n\n 2 pass\n 1 fail\n 1 error\n";
  const failures = ["a.test.ts:\n# Unhandled error between tests"];
  expect(tallyOf(1, text)).toEqual({ passed: 2, failed: 2, failures });
});
