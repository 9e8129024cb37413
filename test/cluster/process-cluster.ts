// A cluster of several nodes as plain processes, each in a network of its own: the
// product's node agent, etcd and curator as they are in this work tree, brought up and
// asked through the real metroctl. Up in seconds; what it is for is what comes after:
// nodes that are killed, paused, cut off and switched on again.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../src/base/event/event.ts";
import { Code, RpcError } from "../../src/base/rpc/rpc.ts";
import {
  ConsensusStatus,
  Node_Health as Health,
  type Node,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import {
  type Cluster,
  ip6Address,
  type Machine,
  type MachineNetwork,
} from "../../src/launcher/launcher.ts";
import { UserError } from "../../src/metroctl/output/user-error.ts";
import { openCluster } from "../../src/metroctl/session/cluster.ts";
import { ContextFolder } from "../../src/metroctl/session/context.ts";
import { createLocalCluster } from "../../src/metroctl/session/local-cluster.ts";
import { registerParameters } from "../../src/metroctl/session/node-parameters.ts";
import { Operator } from "./operator.ts";
import { outputs, PATIENCE_MS } from "./support.ts";

type Session = Awaited<ReturnType<typeof openCluster>>;

/** What to make. */
export interface ProcessClusterOptions {
  readonly name: string;
  /** Nodes that are up in the end. */
  readonly nodes: number;
  /** Machines for further nodes, which stay off. */
  readonly spare?: number;
  /** What machines are plugged into, where that is not the usual. */
  readonly networks?: readonly Partial<MachineNetwork>[];
  /** As `--bootstrap-storage-security` wants it, where it is not the default. */
  readonly storageSecurity?: string;
}

const POLL_MS = 50;

/** A cluster did not get where it should in time. */
class ClusterTestError extends Error {
  override readonly name = "ClusterTestError";
}

/** A running cluster that belongs to a test. */
export class ProcessCluster implements AsyncDisposable {
  readonly home: string;
  readonly operator: Operator;
  readonly #name: string;
  #cluster: Cluster | undefined;

  constructor(name: string) {
    this.#name = name;
    this.home = mkdtempSync(join(tmpdir(), "process-cluster-"));
    this.operator = new Operator(this.home);
  }

  /** The launcher's side of it. */
  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new ClusterTestError("the cluster has not been started");
    return this.#cluster;
  }

  /** Brings it up. */
  async start(options: ProcessClusterOptions): Promise<void> {
    const { name: _, ...wanted } = options;
    // Where the launcher keeps clusters; each test run has its own.
    process.env.XDG_STATE_HOME = join(this.home, "state");
    mkdirSync(process.env.XDG_STATE_HOME, { recursive: true });
    const config = this.operator.folder;
    this.#cluster = await createLocalCluster({
      context: new ContextFolder(config, this.#name),
      ...{ config, ...wanted },
      making: { kind: "processes", programs: outputs("") },
      isBound: true,
      step: () => {},
    });
  }

  /** A machine by its number, from 1. */
  machine(number: number): Machine {
    return this.cluster.machine(number);
  }

  /** Runs a command of metroctl that must work. */
  metroctl(...words: readonly string[]): Promise<string> {
    return this.operator.metroctl("--context", this.#name, ...words);
  }

  /** Opens the cluster as its owner, as metroctl does. */
  open(): Promise<Session> {
    return openCluster({ config: this.operator.folder, context: this.#name });
  }

  /** Asks the cluster something; tries again while it has no leader. */
  async ask<R>(work: (session: Session) => Promise<R>, limitMs = PATIENCE_MS): Promise<R> {
    const limit = performance.now() + limitMs;
    for (;;) {
      try {
        using session = await this.open();
        return await work(session);
      } catch (error) {
        if (!isPassing(error) || performance.now() > limit) throw error;
      }
      await sleep(POLL_MS);
    }
  }

  /** All nodes, as the cluster knows them. */
  nodes(): Promise<readonly Node[]> {
    return this.ask((session) => session.nodes());
  }

  /** Waits until the nodes are as they should be. */
  async until(
    what: string,
    isSo: (nodes: readonly Node[]) => boolean,
    limitMs = PATIENCE_MS,
  ): Promise<readonly Node[]> {
    const limit = performance.now() + limitMs;
    let last = "nobody answered";
    while (performance.now() < limit) {
      const nodes = await this.#look(limit);
      if (nodes !== undefined && isSo(nodes)) return nodes;
      if (nodes !== undefined) last = nodes.map(describe).join("; ");
      await sleep(POLL_MS);
    }
    throw new ClusterTestError(`waited ${limitMs} ms for ${what}: ${last}\n${this.consoles()}`);
  }

  async #look(limit: number): Promise<readonly Node[] | undefined> {
    try {
      const left = Math.max(1, limit - performance.now());
      return await this.ask((session) => session.nodes(), left);
    } catch {
      return undefined;
    }
  }

  /** Waits until so many members are healthy, and have a vote. */
  voters(count: number): Promise<readonly Node[]> {
    const isVoter = ({ consensusStatus, health }: Node) =>
      consensusStatus === ConsensusStatus.VOTER && health === Health.HEALTHY;
    return this.until(`${count} healthy voters`, (nodes) => nodes.filter(isVoter).length === count);
  }

  /** The node on a machine, once it has told its address. */
  async nodeOn(number: number): Promise<Node> {
    const { address } = this.machine(number);
    const at = (node: Node) => node.status?.externalAddress === address;
    const found = (await this.until(`a node at ${address}`, (nodes) => nodes.some(at))).find(at);
    if (found === undefined) throw new ClusterTestError(`no node is at ${address}`);
    return found;
  }

  /** The number of the machine whose curator leads. */
  async leader(): Promise<number> {
    const host = await this.ask(async ({ local }) => {
      for await (const { leaderHost } of local.getCurrentLeader({})) return leaderHost;
      return "";
    });
    // Of the family that the answer came by.
    const isThere = ({ address, number }: Machine) => [address, ip6Address(number)].includes(host);
    return this.cluster.machines.find(isThere)?.number ?? 0;
  }

  /** A write that every member has to agree to; done when the cluster acknowledged it. */
  async write(value: string, limitMs = PATIENCE_MS): Promise<void> {
    const [first] = await this.nodes();
    const id = first?.id ?? "";
    await this.ask(
      ({ management }) =>
        management.updateNodeLabels({
          node: { case: "id", value: id },
          // A label's value has no blanks.
          upsert: [{ key: "test.metropolis.internal/value", value: value.replaceAll(" ", "-") }],
        }),
      limitMs,
    );
  }

  /** Makes a machine a new one that asks for admission, and switches it on. */
  async register(number: number, environment: Readonly<Record<string, string>> = {}) {
    const args = { config: this.operator.folder, context: this.#name };
    const machine = this.machine(number);
    machine.install(await registerParameters(args));
    await machine.powerOn({ environment });
  }

  /** Pulls the plugs of machines, all at once. */
  async kill(...numbers: readonly number[]): Promise<void> {
    await Promise.all(numbers.map((number) => this.machine(number).kill()));
  }

  /** Switches a machine on at another address than it had, as a new network gives it one. */
  async powerOnAt(number: number, address: string): Promise<void> {
    await this.machine(number).powerOn({ environment: { ADDRESSES: `${address}/24` } });
  }

  /** The operator knows the cluster by these addresses, and no others. */
  lookAt(...endpoints: readonly string[]): void {
    const context = new ContextFolder(this.operator.folder, this.#name);
    const { members: _, ...reach } = context.reach();
    context.saveReach({ ...reach, endpoints });
  }

  /** Switches machines on, all at once. */
  async powerOn(...numbers: readonly number[]): Promise<void> {
    await Promise.all(numbers.map((number) => this.machine(number).powerOn()));
  }

  /** What the consoles showed last, for a failed test to tell. */
  consoles(): string {
    const last = (machine: Machine) => machine.console.text().trimEnd().split("\n").slice(-12);
    return this.cluster.machines
      .map((machine) => `machine ${machine.number}:\n  ${last(machine).join("\n  ")}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.destroy();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** What happens while there is no leader, or nobody to tell who it is. */
function isPassing(error: unknown): boolean {
  if (error instanceof UserError) return true;
  return error instanceof RpcError && passing.has(error.code);
}

const passing: ReadonlySet<Code> = new Set([Code.unavailable, Code.deadlineExceeded, Code.aborted]);

function describe({ id, state, health, consensusStatus }: Node): string {
  const words = [NodeState[state], Health[health], ConsensusStatus[consensusStatus]];
  return `${id.slice(-6)} ${words.join(" ")}`;
}

/** A cluster that is up. Leave it through `await using`, or in afterAll. */
export async function processCluster(options: ProcessClusterOptions): Promise<ProcessCluster> {
  const cluster = new ProcessCluster(options.name);
  try {
    await cluster.start(options);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
