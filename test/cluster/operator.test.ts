// An operator's life with a cluster of several nodes, through the real metroctl: tickets
// that leak, machines to be approved, watches, members that die and are replaced, and a
// cluster that waits for its operator. The tests share one cluster and go on from each other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, ExitError, run, startChild } from "../../src/base/process/process.ts";
import { NodeState } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { registerParameters } from "../../src/metroctl/session/node-parameters.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

const NAME = "operator";

let cluster: ProcessCluster;
/** The node on the fourth machine. */
let newcomer = "";

beforeAll(async () => {
  cluster = await processCluster({ name: NAME, nodes: 3, spare: 1 });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Runs a command as it is, with what it says on both streams. */
async function metroctl(...words: readonly string[]) {
  const { argv, env } = cluster.operator.command("--context", NAME, ...words);
  return run(argv, { env }).then(
    ({ text, stderr }) => ({ stdout: text, stderr, exitCode: 0 }),
    (error: unknown) => {
      if (!(error instanceof ExitError)) throw error;
      return { stdout: "", stderr: error.stderr, exitCode: error.exitCode };
    },
  );
}

const parameters = () => registerParameters({ config: cluster.operator.folder, context: NAME });

test("a medium with a ticket that was rotated is worth nothing", async () => {
  const machine = cluster.machine(4);
  machine.install(await parameters());
  expect((await metroctl("cluster", "ticket", "rotate")).exitCode).toBe(0);
  await machine.powerOn();
  await machine.console.waitFor(/wrong register ticket/, { timeoutMs: PATIENCE_MS });
  expect((await metroctl("approve")).stdout).toBe(
    "There are no nodes pending approval at this time.\n",
  );
  await machine.kill();
});

test("approve shows the fingerprint that stands on the machine's console", async () => {
  const machine = cluster.machine(4);
  machine.install(await parameters());
  await machine.powerOn();
  const waiting = /metroctl approve (metropolis-[0-9a-f]{32}) \(fingerprint ([0-9a-f-]{14})\)/;
  const [, id = "", fingerprint = ""] = await machine.console.waitFor(waiting, {
    timeoutMs: PATIENCE_MS,
  });
  const { stdout, stderr } = await metroctl("approve");
  expect(stdout).toBe(`${id}\n`);
  expect(stderr).toContain(`fingerprint: ${fingerprint}\n`);
  expect(stderr).toContain(`address:     ${machine.address}\n`);
  newcomer = id;
});

test("approve lets it in, and may be repeated", async () => {
  expect((await metroctl("approve", newcomer)).stdout).toBe(`Approved node ${newcomer}\n`);
  await cluster.until("the newcomer", (nodes) =>
    nodes.some(({ id, state }) => id === newcomer && state === NodeState.UP),
  );
  expect((await metroctl("approve")).stdout).toContain("no nodes pending approval");
  const { stderr, exitCode } = await metroctl("approve", newcomer);
  expect(stderr).toContain("it is a member of the cluster");
  expect(exitCode).toBe(1);
});

/** A command that goes on, and what it has said so far. */
function begin(...words: readonly string[]): { readonly child: Child; text(): string } {
  const log = join(cluster.home, "watch.log");
  openSync(log, "w");
  const { argv, env } = cluster.operator.command("--context", NAME, ...words);
  return { child: startChild(argv, { env, log }), text: () => readFileSync(log, "utf8") };
}

test("a watch goes on when the leader is killed", async () => {
  const { child, text } = begin("node", "describe", "--watch", "--columns=node id,labels");
  using _ = { [Symbol.dispose]: () => child.kill("SIGKILL") };
  await settle("the first rows", PATIENCE_MS, () => text().includes(newcomer));
  const leader = await cluster.leader();
  await cluster.kill(leader);
  const labelled = await metroctl("node", "label", newcomer, "seen=yes");
  await cluster.powerOn(leader);
  expect(labelled).toMatchObject({ stderr: "", exitCode: 0 });
  await settle("the change", PATIENCE_MS, () => text().includes("seen:yes"));
  child.kill("SIGINT");
  expect(await child.exited).toMatchObject({ exitCode: 0 });
  await cluster.voters(3);
});

test("a member that is lost is replaced by two commands and the newcomer's approval", async () => {
  const lost = await cluster.nodeOn(2);
  await cluster.kill(2);
  const deleting = ["--bypass-has-roles", "--bypass-not-decommissioned", lost.id];
  const deleted = await metroctl("node", "delete", ...deleting);
  expect(deleted).toMatchObject({ stderr: "", stdout: `Deleted node ${lost.id}\n` });
  const given = await metroctl("node", "add", "role", "ConsensusMember", newcomer);
  expect(given.stdout).toBe(`Updated node ${newcomer}\n`);
  const members = await cluster.voters(3);
  expect(members.map(({ id }) => id)).toContain(newcomer);
  expect(members.map(({ id }) => id)).not.toContain(lost.id);
});

test("no member is let go where the rest could decide nothing, and the reason is told", async () => {
  const dead = await cluster.nodeOn(4);
  await cluster.kill(4);
  await cluster.until("the dead one to be missed", (nodes) =>
    nodes.some(({ id, health }) => id === dead.id && health === 3),
  );
  const alive = await cluster.nodeOn(3);
  for (const words of [
    ["node", "remove", "role", "cm", alive.id],
    ["node", "decommission", alive.id],
  ]) {
    const { stderr, exitCode } = await metroctl(...words);
    expect(stderr).toContain("only 1 of 2 consensus members would be healthy, and 2 are needed");
    expect(stderr).toContain(dead.id);
    expect(exitCode).toBe(1);
  }
  await cluster.powerOn(4);
  await cluster.voters(3);
});

test("a member is decommissioned in good order, and then deleted", async () => {
  const { stdout } = await metroctl("node", "decommission", newcomer);
  expect(stdout).toBe(`Decommissioned node ${newcomer}\n`);
  await cluster.voters(2);
  expect((await metroctl("node", "delete", newcomer)).exitCode).toBe(0);
  expect((await metroctl("node", "list")).stdout).not.toContain(newcomer);
});

/** The recovery epochs that the node of a machine has on its disk, as it says itself. */
async function heldEpochs(number: number): Promise<string> {
  const { id } = await cluster.nodeOn(number);
  const { stdout } = await metroctl("node", "logs", "--dn", "root.roles", id);
  const [, last = ""] = [...stdout.matchAll(/Holding recovery (epoch .*)/g)].at(-1) ?? [];
  return [...last.matchAll(/epoch (\d+) with/g)].map(([, epoch]) => epoch).join(" ");
}

test("with the policy operator, a cluster that was off waits for its operator", async () => {
  const members = [1, 3].map((number) => cluster.machine(number));
  const before = await heldEpochs(3);
  const policy = ["cluster", "configure", "set", "recovery_policy", "operator"];
  expect((await metroctl(...policy)).stdout).toBe('New value: "operator"\n');
  for (const number of [1, 3]) {
    // The epoch without shares has to be the only one on the disks before it can matter.
    await settle("the operator's epoch", PATIENCE_MS, async () => {
      const held = await heldEpochs(number);
      return /^\d+$/.test(held) && held !== before;
    });
  }
  await cluster.write("before all are off");
  await cluster.kill(1, 3);
  await cluster.powerOn(1, 3);
  for (const { console } of members) {
    await console.waitFor(/metroctl cluster recover/, { timeoutMs: PATIENCE_MS });
  }
  const { stderr } = await metroctl("node", "list");
  expect(stderr).toContain("no endpoint answers");
  for (const words of [
    ["cluster", "show"],
    ["node", "describe"],
  ]) {
    const told = await metroctl(...words);
    expect(told.exitCode).toBe(1);
    expect(told.stderr).toContain("of 2 members 2 are needed, and 0 are open: ");
    expect(told.stderr).toMatch(/metroctl cluster recover 10\.\S+ 10\.\S+$/m);
  }
  const recovered = await metroctl("cluster", "recover");
  expect(recovered.stdout).toContain("the cluster comes back by itself");
  await cluster.voters(2);
  expect((await metroctl("node", "describe")).stdout).toContain("before-all-are-off");
});
