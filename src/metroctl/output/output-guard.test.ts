// Commands whose output nobody reads, or that has no room.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
  plane.logsGoOn = true;
});
afterEach(() => plane[Symbol.asyncDispose]());

const TIMEOUT_MS = 30_000;
/** A command that follows something and is not told of its reader's end would take for ever. */
const AT_ONCE_MS = 10_000;

test.each([
  ["node describe --watch", "NODE ID"],
  ["node list --watch", "metropolis-"],
  ["node describe --watch -o json", '{"event":"added"'],
  ["node logs --follow NODE", "=== Logs from"],
])(
  "%s ends quietly, and at once, when the pipe is closed",
  async (words, first) => {
    const began = performance.now();
    const line = `metroctl ${words.replace("NODE", plane.id)} | (head -1 >"$HOME/first")`;
    const { stderr, exitCode } = await plane.shell(line);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 141 });
    expect(await Bun.file(`${plane.home}/first`).text()).toStartWith(first);
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
  },
  TIMEOUT_MS,
);

test.each(["handbook security", "node list", "node describe", "--help", "completion bash"])(
  "%s says nothing when nobody reads it",
  async (words) => {
    const { stderr, exitCode } = await plane.shell(`(sleep 0.2; metroctl ${words}) | true`);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 141 });
  },
  TIMEOUT_MS,
);

test.each(["handbook security", "node list", "node describe -o json", "completion bash"])(
  "%s with its output on a full disk fails with one line",
  async (words) => {
    const { stderr, exitCode } = await plane.shell(`metroctl ${words} >/dev/full`);
    expect(stderr).toMatch(/^Error: write to standard output: .*no space left on device.*\n$/);
    expect(exitCode).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  "a full disk behind standard error does not hide the exit code",
  async () => {
    expect((await plane.shell("metroctl frobnicate 2>/dev/full")).exitCode).toBe(2);
    expect((await plane.shell("(sleep 0.2; metroctl frobnicate 2>&1) | true")).exitCode).toBe(2);
  },
  TIMEOUT_MS,
);

test(
  "messages that nobody reads do not end the work",
  async () => {
    const takeover = `metroctl takeownership ${plane.endpoint}`;
    const { exitCode } = await plane.shell(`(sleep 0.2; ${takeover} 2>&1) | true`);
    expect(exitCode).toBe(0);
    expect(existsSync(`${plane.home}/.kube/config`)).toBe(true);
  },
  TIMEOUT_MS,
);
