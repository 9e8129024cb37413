// Nodes that come and go: one joins, takes a role, loses it, is decommissioned and
// deleted, again and again. Afterwards there is no trace of any of them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../src/launcher/launcher.ts";
import { admit, removeNode } from "./faults.ts";
import { type Content, etcdContent, memoryOf } from "./inside.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import { settle } from "./support.ts";

/** How long the lease of a candidate may outlive him. */
const LEASE_MS = 20_000;

/** What so many rounds came to. */
export interface Churn {
  readonly rounds: number;
  /** Keys in etcd and its members, before and after. */
  readonly keys: readonly [number, number];
  readonly members: readonly [number, number];
  /** Where an ID of a node that is gone was found. */
  readonly traces: readonly string[];
  /** MiB of the leader's programs, after each round. */
  readonly memory: readonly Readonly<Record<string, number>>[];
  /** Of one round, on average. */
  readonly roundMs: number;
}

/**
 * How much the memory of a program grew in the second half of the rounds, in MiB. Compared is the
 * least of the last quarter to the most of the second one: the first is for what is made once, and
 * garbage is collected now and then.
 */
export function growthMib({ memory }: Churn, program: string): number {
  const values = memory.map((each) => each[program] ?? Number.NaN);
  const quarter = Math.floor(values.length / 4);
  const second = values.slice(quarter, 2 * quarter);
  return Math.min(...values.slice(-quarter)) - Math.max(...second);
}

/** Does it; the cluster must have a spare machine of that number. */
export async function churn(
  cluster: ProcessCluster,
  spare: number,
  rounds: number,
): Promise<Churn> {
  const gone: string[] = [];
  const leader = await cluster.leader();
  const { id } = await cluster.nodeOn(leader);
  const look = () => settledContent(cluster.machine(leader), id);
  // The first round may leave what is made once, such as a ticket.
  gone.push(await oneRound(cluster, spare));
  const before = await look();
  const memory = [memoryOf(cluster.machine(leader))];
  const start = performance.now();
  for (let round = 1; round < rounds; round++) {
    gone.push(await oneRound(cluster, spare));
    memory.push(memoryOf(cluster.machine(leader)));
  }
  const roundMs = Math.round((performance.now() - start) / Math.max(1, rounds - 1));
  const after = await look();
  return {
    rounds,
    keys: [before.keys.length, after.keys.length],
    members: [before.members.length, after.members.length],
    traces: [
      ...after.keys.filter((key) => gone.some((each) => key.includes(each))),
      ...gone.flatMap((each) => traces(cluster, each)),
    ],
    memory,
    roundMs,
  };
}

/** What etcd holds once the leases have ended of candidates that are gone. */
async function settledContent(machine: Machine, id: string): Promise<Content> {
  let content = await etcdContent(machine, id);
  const candidates = () => content.keys.filter((key) => key.includes("/leader/")).length;
  await settle("the end of leases", LEASE_MS, async () => {
    if (candidates() <= content.members.length) return true;
    content = await etcdContent(machine, id);
    return false;
  });
  return content;
}

async function oneRound(cluster: ProcessCluster, spare: number): Promise<string> {
  const before = await cluster.nodes();
  await cluster.register(spare);
  const { id } = await admit(cluster, before);
  await removeNode(cluster, spare, id);
  return id;
}

/** Files of the nodes that are left in which there is still an ID. */
function traces({ cluster }: ProcessCluster, id: string): readonly string[] {
  const files = ["esp/metropolis/cluster_directory.pb", "ephemeral/names/hosts"];
  return cluster.machines.slice(0, 3).flatMap(({ files: { directory } }) =>
    files
      .map((file) => join(directory, file))
      .filter((file) => readFileSync(file).includes(id))
      .map((file) => `${file}: ${id}`),
  );
}
