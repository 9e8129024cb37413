// What `cluster show` and `node describe` say while the control plane has no leader: what is
// found of each member, and what to do next. The tests share one cluster and go on from each other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { environment, run } from "../../src/base/process/process.ts";
import type { Node } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";

const LOCKED_MS = 60_000;

let cluster: ProcessCluster;
/** By the numbers of their machines, from 1. */
let ids: readonly string[];

beforeAll(async () => {
  cluster = await processCluster({ name: "leaderless", nodes: 3 });
  await cluster.voters(3);
  // The operator has seen all members once, which is when their curators serve.
  const serves = ({ status }: Node) => status?.runningCurator !== undefined;
  await cluster.until("three curators", (nodes) => nodes.filter(serves).length === 3);
  await cluster.metroctl("cluster", "show");
  const nodes = await Promise.all([1, 2, 3].map((number) => cluster.nodeOn(number)));
  ids = nodes.map(({ id }) => id);
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const commands = [
  ["cluster", "show"],
  ["node", "describe"],
] as const;

interface Said {
  readonly text: string;
  readonly stderr: string;
}

/** What a command shows, and what it ends with, where it fails. */
async function failing(...words: readonly string[]): Promise<Said> {
  const { argv, env } = cluster.operator.command("--context", "leaderless", ...words);
  // Its answer is wanted although it fails.
  const script = ["sh", "-c", '"$@"; echo "ended with $?"', "sh", ...argv];
  const { text, stderr } = await run(script, { env: environment(env) });
  return { text, stderr };
}

/** The line of a table about a machine's node; all that was said where there is none. */
function lineOf({ text, stderr }: Said, number: number): string {
  const lines = text.split("\n");
  return lines.find((line) => line.includes(ids[number - 1] ?? "none")) ?? `${text}${stderr}`;
}

test("a leader that is lost is followed by another, and named as silent", async () => {
  const leader = await cluster.leader();
  await cluster.kill(leader);
  for (const [first, second] of commands) await cluster.metroctl(first, second);
  const trouble = "it is silent: switch it on";
  const isTold = ({ status }: Node) => status?.troubles.some((text) => text.includes(trouble));
  await cluster.until(trouble, (nodes) => nodes.some(isTold));
  const shown = await cluster.metroctl("cluster", "show");
  expect(shown).toContain(`${ids[leader - 1]} ${trouble}`);
  await cluster.powerOn(leader);
  await cluster.voters(3);
});

test.each(commands)("%s %s: a majority is down", async (first, second) => {
  await cluster.kill(2, 3);
  const said = await failing(first, second);
  expect(said.text).toEndWith("ended with 1\n");
  expect(lineOf(said, 1)).toMatch(/ up +(the leader is not known|its curator does not serve)/);
  expect(lineOf(said, 2)).toMatch(/ silent +\S/);
  const count = "the control plane has no leader: of 3 members 2 are needed, and 1 answer";
  expect(said.stderr).toContain(count);
  for (const number of [2, 3]) expect(said.stderr).toContain(ids[number - 1] ?? "none");
});

test("one member alone is locked, and waits for the others", async () => {
  await cluster.kill(1);
  await cluster.powerOn(1);
  const { console } = cluster.machine(1);
  await console.waitFor(/Waiting for /, { timeoutMs: LOCKED_MS });
  const said = await failing("node", "describe");
  expect(lineOf(said, 1)).toContain(" locked");
  expect(said.stderr).toContain("of 3 members 2 are needed, and 1 answer: switch on ");
});
