// Process groups of real shells: nothing that a program starts outlives it.
import { expect, test } from "bun:test";
import { startGroup } from "./group.ts";
import { ExitError, lines, ownPids } from "./process.ts";
import { gone, isRunning } from "./test-liveness.ts";

function shell(script: string) {
  return startGroup({ argv: ["sh", "-c", script] });
}

/** A shell with a child, and the child's pid. */
async function family(script: string) {
  const group = shell(script);
  const first = await lines(group.stdout).next();
  return { group, child: Number(first.value) };
}

test("startGroup tells how the program ended", async () => {
  expect(await shell("exit 7").exited).toEqual({ exitCode: 7, signal: null });
  expect(await shell("kill -KILL $$").exited).toEqual({ exitCode: null, signal: "SIGKILL" });
});

test("startGroup puts the program into a group of its own", async () => {
  const group = shell("ps -o pgid= -p $$");
  const { value } = await lines(group.stdout).next();
  expect(Number(value)).toBe(group.pid);
  await group.exited;
});

test("startGroup counts the program as ours until it ends", async () => {
  const group = shell("sleep 60");
  expect(ownPids().has(group.pid)).toBe(true);
  group.kill();
  await group.exited;
  expect(ownPids().has(group.pid)).toBe(false);
});

test("startGroup of a program that is not there is an ExitError with its name", () => {
  const start = () => startGroup({ argv: ["/nowhere/at-all", "secret"] });
  expect(start).toThrow(ExitError);
  expect(start).toThrow("at-all could not be started");
  expect(start).not.toThrow("secret");
});

test("startGroup in a folder that is not there is an ExitError too", () => {
  expect(() => startGroup({ argv: ["true"], cwd: "/nowhere" })).toThrow(ExitError);
});

test("kill ends children that the program has started", async () => {
  const { group, child } = await family("sleep 60 & echo $!; wait");
  expect(isRunning(child)).toBe(true);
  group.kill();
  expect(await group.exited).toEqual({ exitCode: null, signal: "SIGKILL" });
  expect(await gone(child)).toBe(true);
});

test("kill ends children that the program has left behind", async () => {
  const { group, child } = await family("sleep 60 >/dev/null 2>&1 & echo $!");
  await group.exited;
  expect(isRunning(child)).toBe(true);
  group.kill();
  expect(await gone(child)).toBe(true);
});

test("kill is harmless when all have ended, and when it is called again", async () => {
  const group = shell("exit 0");
  await group.exited;
  group.kill();
  group.kill();
  expect(await group.exited).toEqual({ exitCode: 0, signal: null });
});

test("terminate lets a program end in its own way", async () => {
  const { group } = await family("trap 'exit 5' TERM; echo 1; while :; do sleep 0.01; done");
  expect(await group.terminate(5_000)).toEqual({ exitCode: 5, signal: null });
});

test("terminate does not wait for a program that will not end", async () => {
  const { group } = await family("trap '' TERM; echo 1; while :; do sleep 0.01; done");
  const began = performance.now();
  expect(await group.terminate(50)).toEqual({ exitCode: null, signal: "SIGKILL" });
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("terminate ends children that ignore the request", async () => {
  const { group, child } = await family("(trap '' TERM; exec sleep 60) & echo $!; wait");
  await group.terminate(1_000);
  expect(await gone(child)).toBe(true);
});

test("send reaches a program whose stdin is a pipe", async () => {
  const group = startGroup({ argv: ["head", "-n", "1"], stdin: "pipe" });
  group.send("hello\n");
  expect(await new Response(group.stdout).text()).toBe("hello\n");
  expect((await group.exited).exitCode).toBe(0);
});

test("send to a program that has ended, or does not listen, is lost without harm", async () => {
  const ended = startGroup({ argv: ["true"], stdin: "pipe" });
  await ended.exited;
  expect(() => ended.send("anybody?")).not.toThrow();
  const deaf = shell("exit 0");
  expect(() => deaf.send("anybody?")).not.toThrow();
  await deaf.exited;
});

test("startGroup without stdin gives an empty one, and text as it is", async () => {
  expect(await new Response(startGroup({ argv: ["cat"] }).stdout).text()).toBe("");
  const given = startGroup({ argv: ["cat"], stdin: "ä\0b" });
  expect(await new Response(given.stdout).text()).toBe("ä\0b");
});
