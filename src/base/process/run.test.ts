// Tests of programs that run to their end, with real small programs.
import { expect, test } from "bun:test";
import { ExitError } from "./exit-error.ts";
import { ownPids } from "./own-pids.ts";
import { run } from "./run.ts";
import { gone } from "./test-liveness.ts";

/** Runs a shell script, a handy tiny program. */
function sh(script: string, options: Parameters<typeof run>[1] = {}) {
  return run(["sh", "-c", script], options);
}

/** What a promise throws. */
async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("run gives output as bytes and text, and stderr apart", async () => {
  const output = await sh("printf 'a\\377'; echo oops >&2");
  expect([...output.stdout]).toEqual([97, 255]);
  expect(output.text).toBe("a\ufffd");
  expect(output.stderr).toBe("oops\n");
});

test.each(["secret", new Uint8Array([115, 101, 99, 114, 101, 116])])(
  "run hands input to stdin: %p",
  async (input) => {
    expect((await run(["cat"], { input })).text).toBe("secret");
  },
);

test("run gives no stdin without input", async () => {
  expect((await run(["cat"])).text).toBe("");
});

test("run takes large input and output", async () => {
  const input = "x".repeat(3_000_000);
  expect((await run(["cat"], { input })).text.length).toBe(input.length);
});

test("run starts programs with an explicit environment, never BUN_*", async () => {
  process.env.METROPOLIS_TEST_LEAK = "leaked";
  try {
    const { text } = await run(["env"], { env: { GIVEN: "1", BUN_OPTIONS: "--preload x" } });
    const names = text.split("\n").map((line) => line.split("=")[0]);
    expect(names).toContain("GIVEN");
    expect(names).toContain("PATH");
    expect(names).not.toContain("BUN_OPTIONS");
    expect(names).not.toContain("METROPOLIS_TEST_LEAK");
  } finally {
    delete process.env.METROPOLIS_TEST_LEAK;
  }
});

test("run starts in a directory", async () => {
  expect((await run(["pwd"], { cwd: "/proc" })).text).toBe("/proc\n");
});

test("run throws what a program said when it ends badly", async () => {
  const error = await thrown(sh("echo no such disk >&2; exit 3"));
  expect(error).toBeInstanceOf(ExitError);
  expect(error).toMatchObject({
    message: "sh ended with exit code 3: no such disk",
    program: "sh",
    exitCode: 3,
    signal: null,
    stderr: "no such disk\n",
  });
});

test("run tells which signal ended a program", async () => {
  const error = await thrown(sh("kill -9 $$"));
  expect(error).toMatchObject({ exitCode: null, signal: "SIGKILL" });
});

test("run throws an ExitError when there is no such program", async () => {
  const error = await thrown(run(["/no/such/program"]));
  expect(error).toBeInstanceOf(ExitError);
  expect(String(error)).toMatch(/program could not be started: .*ENOENT/);
});

test("run ends a program that takes too long, with all its children", async () => {
  const error = await thrown(sh("sleep 60 & echo $! >&2; wait", { timeoutMs: 100 }));
  expect(String(error)).toContain("sh took more than 100 ms");
  const grandchild = Number(error instanceof ExitError ? error.stderr : "");
  expect(grandchild).toBeGreaterThan(1);
  expect(await gone(grandchild)).toBeTrue();
});

test("run throws the signal's reason, before and during the run", async () => {
  const controller = new AbortController();
  const running = thrown(sh("sleep 60", { signal: controller.signal }));
  controller.abort("enough");
  expect(await running).toBe("enough");
  expect(await thrown(sh("true", { signal: controller.signal }))).toBe("enough");
});

test("run does not wait for a grandchild that holds the pipe", async () => {
  const start = performance.now();
  expect((await sh("setsid sleep 3 & echo done")).text).toBe("done\n");
  expect(performance.now() - start).toBeLessThan(2_500);
});

test("ownPids knows the living children only", async () => {
  const running = sh("sleep 0.2; echo $$");
  expect(ownPids().size).toBeGreaterThan(0);
  const pid = Number((await running).text);
  expect(pid).toBeGreaterThan(1);
  expect(ownPids().has(pid)).toBeFalse();
});
