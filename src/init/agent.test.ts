// Tests of one run of an agent, with shell scripts as agents.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Consoles } from "../base/linux/console.ts";
import { type AgentOptions, runAgent } from "./agent.ts";
import { Journal } from "./journal.ts";

function agent(script: string, changes: Partial<AgentOptions> = {}) {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-agent-")), "console");
  writeFileSync(path, "");
  const options: AgentOptions = {
    role: "node",
    command: () => ({ argv: ["sh", "-c", script] }),
    journal: new Journal(new Consoles([path])),
    isVerbose: false,
    // No groups: this machine's own are none of a test's business.
    cgroups: "/no/such/folder",
    ...changes,
  };
  return { options, shown: () => readFileSync(path, "utf8") };
}

const never = new AbortController().signal;

test("runAgent gives the status and the last words", async () => {
  const { options, shown } = agent("echo one; echo two >&2; exit 7");
  const { status, lastLines } = await runAgent(options, never);
  expect(status).toEqual({ exitCode: 7, signal: null });
  expect([...lastLines].sort()).toEqual(["one", "two"]);
  // The console is the agent's, so init shows nothing there.
  expect(shown()).toBe("");
});

test("runAgent keeps only the end of what an agent says", async () => {
  const { options } = agent("seq 1000; exit 1");
  const { lastLines } = await runAgent(options, never);
  expect(lastLines).toHaveLength(40);
  expect(lastLines.at(-1)).toBe("1000");
});

test("runAgent shows an installer's lines as they are", async () => {
  const { options, shown } = agent("echo Installing to /dev/vda...; exit 64", {
    role: "installer",
  });
  const { status } = await runAgent(options, never);
  expect(status.exitCode).toBe(64);
  expect(shown()).toBe("Installing to /dev/vda...\n");
});

test("runAgent shows a node's lines when asked to be verbose", async () => {
  const { options, shown } = agent("echo hello", { isVerbose: true });
  await runAgent(options, never);
  expect(shown()).toBe("node: hello\n");
});

test("runAgent hands the journal to the agent's standard input", async () => {
  const { options } = agent('read line; echo "$line"; exit 1');
  options.journal.log.info("What happened before");
  const { lastLines } = await runAgent(options, never);
  expect(lastLines.join()).toContain("What happened before");
});

test("runAgent asks the agent to end when the signal aborts", async () => {
  const controller = new AbortController();
  const { options } = agent("trap 'exit 9' TERM; echo up; sleep 30 & wait");
  const run = runAgent(options, controller.signal);
  await Bun.sleep(200);
  controller.abort();
  expect((await run).status.exitCode).toBe(9);
});

test("runAgent says why a program cannot be started", async () => {
  const { options, shown } = agent("", { command: () => ({ argv: ["/no/such/program"] }) });
  expect(await runAgent(options, never)).toEqual({
    status: { exitCode: null, signal: null },
    lastLines: [],
  });
  await Bun.sleep(5);
  expect(shown()).toContain("init E Could not start the node:");
});
