// Tests of starting our own executable, and of what becomes of programs when we end.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startGroup } from "./group.ts";
import { lines } from "./lines.ts";
import { ownPids } from "./own-pids.ts";
import { isCompiled, roleCommand, self } from "./role.ts";
import { run } from "./run.ts";
import { gone, isRunning } from "./test-liveness.ts";

test("roleCommand starts src/main.ts with METROPOLIS_ROLE when run from source", () => {
  const { argv, argv0, env } = roleCommand("curator", ["--x"]);
  expect(isCompiled).toBeFalse();
  expect([argv[0], argv[2]]).toEqual([self, "--x"]);
  expect(argv[1]).toEndWith("/src/main.ts");
  expect(existsSync(argv[1] ?? "")).toBeTrue();
  expect([argv0, env]).toEqual([undefined, { METROPOLIS_ROLE: "curator" }]);
});

const front = fileURLToPath(new URL("process.ts", import.meta.url));

/** A Bun process that starts a sleeping program and prints its pid, then does `more`. */
function keeper(more: string) {
  const code = `
    import { run, ownPids } from ${JSON.stringify(front)};
    const running = run(["sleep", "60"]).catch(() => {});
    console.log([...ownPids()][0]);
    ${more}`;
  return startGroup({ argv: [self, "-e", code] });
}

test.each([
  ["SIGTERM", "await running;"],
  ["SIGINT", "await running;"],
] as const)("programs end with us when %s ends us", async (signal, more) => {
  const group = keeper(more);
  let pid = 0;
  for await (const line of lines(group.stdout)) {
    pid = Number(line);
    break;
  }
  expect(isRunning(pid)).toBeTrue();
  process.kill(group.pid, signal);
  expect(await group.exited).toEqual({ exitCode: null, signal });
  expect(await gone(pid)).toBeTrue();
});

test("programs end with us when we exit", async () => {
  const { text } = await run([
    self,
    "-e",
    `import { run, ownPids } from ${JSON.stringify(front)};
     void run(["sleep", "60"]).catch(() => {});
     console.log([...ownPids()][0]);
     process.exit(0);`,
  ]);
  expect(Number(text)).toBeGreaterThan(1);
  expect(await gone(Number(text))).toBeTrue();
});

test("signals are left to whoever else handles them", async () => {
  const handler = "process.on('SIGTERM', () => { console.log('mine'); process.exit(7); });";
  const group = keeper(`${handler} console.log('ready'); await running;`);
  const said: string[] = [];
  for await (const line of lines(group.stdout)) {
    said.push(line);
    if (line === "ready") process.kill(group.pid, "SIGTERM");
  }
  expect(said.slice(1)).toEqual(["ready", "mine"]);
  expect(await group.exited).toEqual({ exitCode: 7, signal: null });
});

test("startGroup counts its program as ours until it ended", async () => {
  const group = startGroup({ argv: ["sleep", "60"] });
  expect(ownPids().has(group.pid)).toBeTrue();
  group.kill();
  await group.exited;
  expect(ownPids().has(group.pid)).toBeFalse();
});

test("lines gives each line, also a last one without an end, and cuts long ones", async () => {
  const group = startGroup({ argv: ["printf", "one\\ntwo\\n\\n123456789\\nlast"] });
  expect(await Array.fromAsync(lines(group.stdout, 6))).toEqual([
    "one",
    "two",
    "",
    "123456",
    "last",
  ]);
});
