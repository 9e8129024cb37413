// Tests of programs under supervision, with real small programs.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { sleep, Value } from "../event/event.ts";
import type { Context } from "../supervisor/supervisor.ts";
import { testSupervisor } from "../supervisor/test-supervisor.ts";
import { type ProgramOptions, program } from "./program.ts";
import { gone, isRunning } from "./test-liveness.ts";

const never = new AbortController().signal;

/** A shell script as a supervised program, with its lines as they come. */
function script(text: string, options: Partial<ProgramOptions> = {}) {
  const lines = new Value<string>();
  const runnable = program({
    argv: ["sh", "-c", text],
    onStdout: (line) => lines.set(line),
    ...options,
  });
  return { lines, runnable };
}

/** The raw lines at the root's DN. */
function rawLines({ tree }: Pick<Context, "tree">): string[] {
  const { backlog } = tree.read({ dn: "root", backlog: "all", onlyRaw: true });
  return backlog.map((entry) => (entry.kind === "raw" ? entry.text : ""));
}

test("program is healthy once it has lived for a second", async () => {
  await using tested = testSupervisor(script("sleep 60").runnable);
  await tested.settled();
  expect(tested.states().get("root")).toBe("HEALTHY");
});

test("program that dies young is tried again with pauses that grow", async () => {
  await using tested = testSupervisor(program({ argv: ["false"] }));
  for (let count = 1; count <= 3; count += 1) {
    while (tested.pauses.length < count) await sleep(5);
    await tested.pass();
  }
  const [first = 0, , third = 0] = tested.pauses;
  expect(third).toBeGreaterThan(first);
});

test("program leaves health to the runnable around it if told so", async () => {
  const { runnable, lines } = script("echo up; sleep 60", { signalsHealthy: false });
  await using tested = testSupervisor(async (context) => {
    context.healthy();
    await runnable(context);
  });
  await lines.first(never);
  await tested.settled();
});

test("program logs lines of both streams raw", async () => {
  await using tested = testSupervisor(
    program({ argv: ["sh", "-c", "echo out; echo err >&2; printf last; exit 1"] }),
  );
  while (tested.pauses.length === 0) await sleep(5);
  expect(rawLines(tested).sort()).toEqual(["err", "last", "out"]);
});

test("program hands lines to parsers instead", async () => {
  const errors: string[] = [];
  const { runnable, lines } = script("echo err >&2; echo out; sleep 60", {
    onStderr: (line) => errors.push(line),
  });
  await using tested = testSupervisor(runnable);
  expect(await lines.first(never)).toBe("out");
  while (errors.length === 0) await sleep(5);
  expect(errors).toEqual(["err"]);
  expect(rawLines(tested)).toEqual([]);
});

test.each([
  ["exit 0", "sh ended with exit code 0"],
  ["echo bad luck >&2; exit 2", "sh ended with exit code 2: bad luck"],
  ["kill -9 $$", "sh was ended by SIGKILL"],
])("program fails when the program ends by itself: %s", async (text, message) => {
  await using tested = testSupervisor(script(text).runnable);
  while (tested.pauses.length === 0) await sleep(5);
  const { backlog } = tested.tree.read({ dn: "root", backlog: 1, minimumSeverity: "fatal" });
  expect(backlog[0]).toMatchObject({ messages: [`Runnable failed: ${message}`] });
});

test("program fails when a parser throws, and ends the program", async () => {
  const { promise: started, resolve } = Promise.withResolvers<number>();
  const runnable = program({
    argv: ["sh", "-c", "echo x; exec sleep 60"],
    onStart: resolve,
    onStdout: () => {
      throw new RangeError("bad line");
    },
  });
  await using tested = testSupervisor(runnable);
  while (tested.pauses.length === 0) await sleep(5);
  expect(await gone(await started)).toBeTrue();
  const { backlog } = tested.tree.read({ dn: "root", backlog: 1, minimumSeverity: "fatal" });
  expect(backlog[0]?.kind === "leveled" && backlog[0].messages[0]).toContain("bad line");
});

test("program ends with its signal, and its children with it", async () => {
  const { runnable, lines } = script("sleep 60 & echo $!; wait");
  const tested = testSupervisor(runnable);
  const grandchild = Number(await lines.first(never));
  expect(isRunning(grandchild)).toBeTrue();
  await tested.stop();
  expect(tested.states().get("root")).toBe("CANCELED");
  expect(await gone(grandchild)).toBeTrue();
});

test("program lets the program end in order", async () => {
  const { runnable, lines } = script(
    "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
  );
  const tested = testSupervisor(runnable);
  await lines.first(never);
  await tested.stop();
  expect(lines.current).toBe("bye");
});

test("program kills what does not end in time", async () => {
  const { runnable, lines } = script("trap '' TERM; echo $$; while :; do sleep 0.05; done", {
    graceMs: 50,
  });
  const tested = testSupervisor(runnable);
  const pid = Number(await lines.first(never));
  await tested.stop();
  expect(await gone(pid)).toBeTrue();
});

test("program ends the children of a program that died", async () => {
  const { runnable, lines } = script("sleep 60 & echo $!; exit 1");
  await using _ = testSupervisor(runnable);
  expect(await gone(Number(await lines.first(never)))).toBeTrue();
});

test("program gives stdin, and an own name", async () => {
  const { runnable, lines } = script('read line; echo "$0 $line"; sleep 60', {
    argv: [
      "/bin/sh",
      "-c",
      'read line; echo "$(cat /proc/$$/cmdline | head -c 7) $line"; sleep 60',
    ],
    argv0: "curator",
    stdin: "settings\n",
  });
  await using _ = testSupervisor(runnable);
  expect(await lines.first(never)).toBe("curator settings");
});

test("program keeps a piped stdin open", async () => {
  const { runnable, lines } = script("echo up; cat; echo closed", { stdin: "pipe" });
  await using tested = testSupervisor(runnable);
  await lines.first(never);
  await sleep(30);
  expect([lines.current, tested.states().get("root")]).toEqual(["up", "NEW"]);
});

test("program lets its owner write to a piped stdin, also after its end", async () => {
  const started = new Value<(text: string) => void>();
  const { runnable, lines } = script("read one; echo $one; exec sleep 60", {
    stdin: "pipe",
    onStart: (_, send) => started.set(send),
  });
  const tested = testSupervisor(runnable);
  const send = await started.first(never);
  send("hello\n");
  expect(await lines.first(never)).toBe("hello");
  await tested.stop();
  send("lost\n");
});

test("program ends children in sessions of their own through the cgroup", async () => {
  // Without a writable cgroup 2 this cannot be shown; then only the process group ends.
  const cgroup = "/sys/fs/cgroup/metropolis-program-test";
  const hasCgroup = existsSync("/sys/fs/cgroup/cgroup.kill");
  const { runnable, lines } = script(
    "setsid sleep 60 & echo $!; wait",
    hasCgroup ? { cgroup } : {},
  );
  const tested = testSupervisor(runnable);
  const pid = Number(await lines.first(never));
  await tested.stop();
  if (!hasCgroup) process.kill(pid, "SIGKILL");
  expect(await gone(pid)).toBeTrue();
});
