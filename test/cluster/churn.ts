// Nodes that come and go: one joins, takes a role, loses it, is decommissioned and
// deleted, again and again. Afterwards there is no trace of any of them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { admit, removeNode } from "./faults.ts";
import { etcdContent, memoryOf } from "./inside.ts";
import type { ProcessCluster } from "./process-cluster.ts";

/** What so many rounds came to. */
export interface Churn {
  readonly rounds: number;
  /** Keys in etcd and its members, before and after. */
  readonly keys: readonly [number, number];
  readonly members: readonly [number, number];
  /** Where an ID of a node that is gone was found. */
  readonly traces: readonly string[];
  /** MiB of the leader's programs, before and after. */
  readonly memory: readonly [Readonly<Record<string, number>>, Readonly<Record<string, number>>];
  /** Of one round, on average. */
  readonly roundMs: number;
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
  const look = () => etcdContent(cluster.machine(leader), id);
  // The first round may leave what is made once, such as a ticket.
  gone.push(await oneRound(cluster, spare));
  const [before, memoryBefore] = [await look(), memoryOf(cluster.machine(leader))];
  const start = performance.now();
  for (let round = 1; round < rounds; round++) gone.push(await oneRound(cluster, spare));
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
    memory: [memoryBefore, memoryOf(cluster.machine(leader))],
    roundMs,
  };
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
  const files = ["esp/metropolis/cluster_directory.pb", "ephemeral/hosts"];
  return cluster.machines.slice(0, 3).flatMap(({ files: { directory } }) =>
    files
      .map((file) => join(directory, file))
      .filter((file) => readFileSync(file).includes(id))
      .map((file) => `${file}: ${id}`),
  );
}
