// The leader is lost under a steady load of writes: killed, paused, or cut off. What is
// measured is the longest time without an acknowledged write, and what is checked is
// that no acknowledged write is lost, and that no call fails within its deadline.
import { sleep } from "../../src/base/event/event.ts";
import type { Node } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

/** How the leader is lost. */
export const faults = ["kill", "pause", "cut off"] as const;
/** One of them. */
export type Fault = (typeof faults)[number];

/** What one loss came to. */
export interface FailOver {
  readonly fault: Fault;
  /** The longest time between two acknowledged writes of anybody. */
  readonly gapMs: number;
  readonly writes: number;
  /** Calls that failed although they had time left. */
  readonly failed: readonly string[];
  /** Writers whose last acknowledged write is not there. */
  readonly lost: readonly string[];
}

const WRITERS = 4;
/** A steady load, not a storm: what two cores can serve beside all else. */
const PAUSE_MS = 20;
const DEADLINE_MS = 15_000;
/** Members that have just started must have seen the leader before they can miss it. */
const BEFORE_MS = 2_000;
const AFTER_MS = 1_500;

/** Writes numbers, one after the other, each to a label of its own. */
class Load {
  readonly acknowledged = new Map<string, number>();
  readonly failed: string[] = [];
  readonly times: number[] = [];
  readonly #cluster: ProcessCluster;
  readonly #node: string;
  readonly #end = new AbortController();
  #running: readonly Promise<void>[] = [];

  constructor(cluster: ProcessCluster, node: string) {
    this.#cluster = cluster;
    this.#node = node;
  }

  start(): void {
    const names = Array.from({ length: WRITERS }, (_, index) => `load.test/writer-${index}`);
    this.#running = names.map((key) => this.#write(key));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  async #write(key: string): Promise<void> {
    using session = await this.#cluster.open();
    for (let number = Date.now(); !this.#end.signal.aborted; number++) {
      try {
        await session.management.updateNodeLabels(
          {
            node: { case: "id", value: this.#node },
            upsert: [{ key, value: String(number) }],
          },
          { timeoutMs: DEADLINE_MS },
        );
        this.acknowledged.set(key, number);
        this.times.push(performance.now());
      } catch (error) {
        this.failed.push(String(error));
      }
      await sleep(PAUSE_MS);
    }
  }
}

/** Loses the leader once, and gets it back. */
export async function loseLeader(cluster: ProcessCluster, fault: Fault): Promise<FailOver> {
  await cluster.voters(3);
  const isServing = ({ status }: Node) => status?.runningCurator !== undefined;
  const [first] = await cluster.until("three curators", (nodes) => nodes.every(isServing));
  const node = first?.id ?? "";
  const number = await cluster.leader();
  const load = new Load(cluster, node);
  load.start();
  await sleep(BEFORE_MS);
  // Who has not come as far as to the leader yet cannot lose it.
  await settle("a write of each", PATIENCE_MS, () => load.acknowledged.size === WRITERS);
  const machine = cluster.machine(number);
  const start = performance.now();
  await {
    kill: () => machine.kill(),
    pause: () => machine.pause(),
    "cut off": () => machine.unplug(),
  }[fault]();
  const limit = start + DEADLINE_MS;
  while ((load.times.at(-1) ?? 0) < start + AFTER_MS && performance.now() < limit) await sleep(20);
  await sleep(AFTER_MS);
  await load.stop();
  await {
    kill: () => machine.powerOn(),
    pause: () => machine.resume(),
    "cut off": () => machine.plug(),
  }[fault]();
  await cluster.voters(3);
  return {
    fault,
    gapMs: Math.round(longestGap(load.times, start)),
    writes: load.times.length,
    failed: load.failed,
    lost: await lostWrites(cluster, node, load),
  };
}

/** The longest gap that ends after the fault. */
function longestGap(times: readonly number[], fault: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  const gaps = sorted.map((time, index) => (time < fault ? 0 : time - (sorted[index - 1] ?? time)));
  return Math.max(...gaps, 0);
}

async function lostWrites(cluster: ProcessCluster, node: string, { acknowledged }: Load) {
  const found = (await cluster.nodes()).find(({ id }) => id === node);
  const labels = new Map(found?.labels?.pairs.map(({ key, value }) => [key, Number(value)]));
  return [...acknowledged]
    .filter(([key, number]) => !((labels.get(key) ?? 0) >= number))
    .map(([key, number]) => `${key}: ${number} was acknowledged, ${labels.get(key)} is there`);
}
