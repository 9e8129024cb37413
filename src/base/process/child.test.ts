// Tests of children with a handle and of dialogs, with real small programs.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../event/event.ts";
import { startChild } from "./child.ts";
import { type DialogOptions, startDialog } from "./dialog.ts";
import { environment } from "./environment.ts";
import { ExitError, describe as words } from "./exit-error.ts";
import { ownPids } from "./own-pids.ts";

const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
const never = new AbortController().signal;

test("startChild appends output to its log and tells how it ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "child-"));
  try {
    const log = join(folder, "log");
    for (const text of ["one", "two"]) {
      const child = startChild(["sh", "-c", `echo ${text}; echo err >&2; exit 3`], { env, log });
      expect(await child.exited).toEqual({ exitCode: 3, signal: null });
      expect(child.isAlive()).toBeFalse();
    }
    expect(readFileSync(log, "utf8")).toBe("one\nerr\ntwo\nerr\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("startChild kills by signal, and again without harm", async () => {
  const child = startChild(["sleep", "60"], { env });
  expect(ownPids().has(child.pid)).toBeTrue();
  child.kill("SIGKILL");
  expect(await child.exited).toEqual({ exitCode: null, signal: "SIGKILL" });
  child.kill("SIGKILL");
  expect(ownPids().has(child.pid)).toBeFalse();
});

test("startChild talks down the lifeline", async () => {
  const child = startChild(["sh", "-c", 'read line; [ "$line" = stop ] && exit 5'], {
    env,
    lifeline: true,
  });
  await child.tell("stop\n");
  expect(await child.exited).toEqual({ exitCode: 5, signal: null });
});

/** A dialog with a shell script, and its last lines. */
function dialog(script: string, options: Partial<DialogOptions> = {}) {
  const stdout = new Value<string>();
  const stderr = new Value<string>();
  const talk = startDialog({
    argv: ["/bin/sh", "-c", script],
    onStdout: (line) => stdout.set(line),
    onStderr: (line) => stderr.set(line),
    ...options,
  });
  return { talk, stdout, stderr };
}

test("startDialog hears lines of both streams and answers", async () => {
  const { talk, stdout, stderr } = dialog('read a; echo "heard $a"; echo oops >&2; exit 64');
  talk.send("hello");
  expect(await talk.ended).toEqual({ exitCode: 64, signal: null });
  expect([stdout.current, stderr.current]).toEqual(["heard hello", "oops"]);
});

test("startDialog starts under the given name and environment", async () => {
  const { talk, stdout } = dialog('echo "$(head -c 4 /proc/$$/cmdline) $GIVEN $BUN_BE_BUN."', {
    argv0: "node",
    env: { GIVEN: "1", BUN_BE_BUN: "1" },
  });
  await talk.ended;
  expect(stdout.current).toBe("node 1 .");
});

test("startDialog kills, and loses what is said too late", async () => {
  const { talk, stdout } = dialog("echo up; exec sleep 60");
  await stdout.first(never);
  expect(ownPids().has(talk.pid)).toBeTrue();
  talk.kill("SIGTERM");
  expect(await talk.ended).toEqual({ exitCode: null, signal: "SIGTERM" });
  talk.send("too late");
  talk.kill("SIGKILL");
});

test("startDialog does not wait for a grandchild that holds the pipe", async () => {
  const start = performance.now();
  const { talk } = dialog("sleep 3 & exit 0");
  expect((await talk.ended).exitCode).toBe(0);
  expect(performance.now() - start).toBeLessThan(2_500);
});

test("environment has a search path and a locale, which may be overridden", () => {
  expect(Object.keys(environment())).toEqual(["PATH", "LANG"]);
  expect(environment({ PATH: "/bin", X: "1", BUN_X: "2" })).toEqual({
    PATH: "/bin",
    LANG: "C.UTF-8",
    X: "1",
  });
});

test("ExitError quotes the end of stderr and keeps it bounded", () => {
  const noise = `${"x".repeat(10_000)}\nthe reason\n\n`;
  const error = new ExitError("mkfs.xfs", { exitCode: 1, signal: null }, noise);
  expect(error.message.length).toBeLessThan(600);
  expect(error.message).toEndWith("the reason");
  expect(error.stderr.length).toBe(4_096);
});

test.each([
  [{ exitCode: 1, signal: null }, "ended with exit code 1"],
  [{ exitCode: null, signal: "SIGKILL" }, "was ended by SIGKILL"],
])("describe %j", (status, text) => {
  expect(words(status)).toBe(text);
});
