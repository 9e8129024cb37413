// Making a cluster of three machines from the kept one with the commands that the
// handbook prints, and asking it things.
import { join } from "node:path";
import { type Cluster, createCluster, type Machine } from "../../src/launcher/launcher.ts";
import { clear, type Golden, outputs, patience, scratch, untilServing } from "./golden.ts";
import { Operator, type Transcript } from "./operator.ts";

/** Time limits for machines that run natively; `patience` stretches them. */
const INSTALL_MS = 120_000;
const JOIN_MS = 90_000;
const POLL_MS = 500;
/** Of each console, in the message of a failure. */
const TAIL_LINES = 30;

/** Raised when a cluster does not get where it should in time. */
class ThreeError extends Error {
  override readonly name = "ThreeError";
}

/** A cluster of three, and its owner. */
export class Three {
  readonly cluster: Cluster;
  readonly owner: Operator;
  /** How long the steps took, in milliseconds. */
  readonly times = new Map<string, number>();

  constructor(cluster: Cluster, owner: Operator) {
    this.cluster = cluster;
    this.owner = owner;
  }

  /** What the last command that matches printed. */
  said(command: RegExp): Transcript {
    const found = this.owner.transcripts.findLast((one) => command.test(one.command));
    return found ?? { command: String(command), exitCode: -1, stdout: "", stderr: "" };
  }

  /** The times in one line. */
  report(): string {
    return [...this.times].map(([step, ms]) => `${step} ${(ms / 1000).toFixed(1)} s`).join(", ");
  }

  /** Runs metroctl against the members with these numbers. */
  async metroctl(numbers: readonly number[], ...words: readonly string[]): Promise<Transcript> {
    const endpoints = numbers.map((number) => this.cluster.machine(number).address).join(",");
    return this.owner.attempt("--endpoints", endpoints, "--proxy", this.cluster.proxy, ...words);
  }

  /** Does something and notes how long it took. */
  async step<R>(name: string, work: () => Promise<R>): Promise<R> {
    const start = performance.now();
    const result = await work();
    this.times.set(name, performance.now() - start);
    return result;
  }

  /** How many members have a vote. */
  async voters(): Promise<number> {
    const { stdout } = await this.metroctl([1], "node", "list", "-o", "json");
    return stdout.match(/"(?:CONSENSUS_STATUS_)?VOTER"/g)?.length ?? 0;
  }

  /** Switches machines on and says after how many milliseconds a write was accepted. */
  async timeUntilWritable(numbers: readonly number[], limitMs: number): Promise<number> {
    const start = performance.now();
    for (const number of numbers) await this.cluster.machine(number).powerOn();
    const [id = ""] = this.said(/approve metropolis-/).command.match(/metropolis-\S+/) ?? [];
    await this.until(patience(this.cluster, limitMs), async () => {
      const label = `test.metropolis.internal/cold-start=${numbers.length}`;
      return (await this.metroctl(numbers, "node", "label", id, label)).exitCode === 0;
    });
    return performance.now() - start;
  }

  /** Polls until something is so. Throws with the last command's words when it takes too long. */
  async until(limitMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const limit = performance.now() + limitMs;
    while (!(await isSo())) {
      if (performance.now() > limit) {
        throw new ThreeError(this.#lastWords());
      }
      await Bun.sleep(POLL_MS);
    }
  }

  /** What the last command and every console printed last: a machine that does not come says why there. */
  #lastWords(): string {
    const last = this.owner.transcripts.at(-1);
    const consoles = this.cluster.machines.map(
      ({ number, console }) => `machine ${number}:\n${tail(console.text())}`,
    );
    return [`${last?.command}: ${last?.stdout}${last?.stderr}`, ...consoles].join("\n");
  }
}

/**
 * Makes the three: the kept machine, and two that start with blank disks. The second has IPv6
 * alone, the third a first card in a network without a router: so the first two reach each other
 * by IPv6 only, and the third must not be known by the card that nobody reaches.
 */
export async function threeMachines(name: string, from: Golden): Promise<Three> {
  await clear(name);
  const machines = [
    { copyOf: from.owned },
    { disk: "4G", network: { hasIpv4: false } },
    { disk: "4G", network: { hasSideCard: true } },
  ];
  const cluster = await createCluster({ name, machines, out: outputs, isBound: true });
  const owner = new Operator(from.owner, outputs).copy(scratch(name));
  const three = new Three(cluster, owner);
  try {
    await grow(three);
  } catch (error) {
    await cluster.destroy();
    throw error;
  }
  return three;
}

async function grow(three: Three): Promise<void> {
  const { cluster } = three;
  const first = cluster.machine(1);
  const added = [cluster.machine(2), cluster.machine(3)];
  await three.step("first node back", async () => {
    await first.powerOn();
    await untilServing(cluster, first);
  });
  const medium = join(three.owner.folder, "second-node-installer.img");
  await three.step("genusb", () => makeMedium(three, medium));
  await three.step("two installations", () => installAll(cluster, added, medium));
  await three.step("two registrations", () => registered(three, added.length));
  await three.step("two joins", () => joined(three, added.length + 1));
  await three.step("three votes", () => voting(three));
}

async function makeMedium(three: Three, medium: string): Promise<void> {
  const bundle = `--bundle=${join(outputs, "bundle.zip")}`;
  await three.until(patience(three.cluster, JOIN_MS), async () => {
    const { exitCode } = await three.metroctl([1], "install", "genusb", medium, bundle);
    return exitCode === 0;
  });
}

async function installAll(
  cluster: Cluster,
  machines: readonly Machine[],
  medium: string,
): Promise<void> {
  const limitMs = patience(cluster, INSTALL_MS);
  await Promise.all(machines.map((machine) => machine.installFrom(medium, limitMs)));
}

/** Until all of them ask to be approved, as `metroctl approve` shows. */
async function registered(three: Three, count: number): Promise<void> {
  await three.until(patience(three.cluster, JOIN_MS), async () => {
    const { stdout } = await three.metroctl([1], "approve");
    return ids(stdout).length === count;
  });
}

async function joined(three: Three, count: number): Promise<void> {
  for (const id of ids(three.said(/approve$/).stdout)) await three.metroctl([1], "approve", id);
  await three.until(patience(three.cluster, JOIN_MS), async () => {
    const { stdout } = await three.metroctl([1], "node", "describe");
    return (stdout.match(/ UP .* HEALTHY /g)?.length ?? 0) === count;
  });
}

async function voting(three: Three): Promise<void> {
  const approved = three.owner.transcripts.filter(({ command }) =>
    /approve metropolis/.test(command),
  );
  const added = approved.map(({ command }) => command.split(" ").at(-1) ?? "");
  const { exitCode, stderr } = await three.metroctl(
    [1],
    ...["node", "add", "role", "ConsensusMember", ...added],
  );
  if (exitCode !== 0) throw new ThreeError(`add role: ${stderr}`);
  await three.until(patience(three.cluster, JOIN_MS), async () => (await three.voters()) === 3);
}

function tail(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}

/** The node IDs in a list, each once. */
function ids(text: string): readonly string[] {
  return [...new Set(text.match(/metropolis-[0-9a-f]{32}/g) ?? [])];
}
