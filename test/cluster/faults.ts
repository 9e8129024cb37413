// Every point of a node's way into its cluster at which something can go wrong, and what
// goes wrong there: enumerated, not drawn by chance.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ConsensusStatus,
  Node_Health as Health,
  type Node,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import { settle } from "./support.ts";

/** Where it happens, and what. See fault-preload.ts. */
export type Fault = (
  | { readonly at: "log"; readonly text: string; readonly action: "die" }
  | {
      readonly at: "before" | "after";
      readonly method: string;
      readonly action: "die" | "lose" | "hold";
    }
) & {
  /** Not on the node's first way into the cluster, but when it comes back from a power cut. */
  readonly isReturn?: true;
};

/** What a node says when it begins a step; the step before is over then. */
const steps = [
  "Registering: making keys",
  "Registering: asking the cluster for admission",
  "Registering: mounting new storage",
  "Registering: waiting for approval",
  "Registering: sealing the node's configuration",
  "Registering: cleaning up",
  "Registering: starting services",
  "Registering: keeping this version",
  "Registering: done",
  "This node is reached at",
  "Certified for consensus beside",
  "Started etcd as process",
  "etcd answers at",
  "This node has a vote in consensus",
  "Cluster API is open",
];

/** The same when it comes back. */
const stepsBack = [
  "Joining: unsealing the node's configuration",
  "Joining: getting the key from the cluster",
  "Joining: mounting storage",
  "Joining: cleaning up",
  "Joining: starting services",
  "Joining: done",
];

/** What it asks of the leader on its way. */
const methods = ["RegisterNode", "CommitNode", "UpdateNodeStatus", "JoinConsensus"];

/** All of them: a power cut at each step, and around each call everything that can happen. */
export const allFaults: readonly Fault[] = [
  ...steps.map((text) => ({ at: "log", text, action: "die" }) as const),
  ...methods.flatMap(around),
  ...[
    ...stepsBack.map((text) => ({ at: "log", text, action: "die" }) as const),
    ...around("JoinNode"),
  ].map((fault) => ({ ...fault, isReturn: true }) as const),
  // Last, so that the others keep the numbers by which they are known. A stream does not lose
  // one answer and go on.
  ...["FollowRecovery", "FollowUnlockKey"]
    .flatMap(around)
    .filter(({ action }) => action !== "lose"),
];

function around(method: string): readonly Fault[] {
  return [
    { at: "before", method, action: "die" },
    { at: "after", method, action: "die" },
    { at: "after", method, action: "lose" },
    { at: "before", method, action: "hold" },
    { at: "after", method, action: "hold" },
  ];
}

/** A fault in a few words. */
export function faultName(fault: Fault): string {
  if (fault.at === "log") return `power cut at "${fault.text}"`;
  const what = { die: "power cut", lose: "answer lost", hold: "leader killed" }[fault.action];
  return `${what} ${fault.at} ${fault.method}`;
}

/** Throws where a node did not end up as it should. */
class FaultError extends Error {
  override readonly name = "FaultError";
}

const LIMIT_MS = 60_000;

/**
 * Lets the spare machine become a node and a member of consensus while the fault happens;
 * it must end UP, once. Then it is deleted again. Gives the milliseconds to its vote.
 */
export async function joinThrough(
  cluster: ProcessCluster,
  spare: number,
  fault: Fault,
): Promise<number> {
  const before = await cluster.nodes();
  const start = performance.now();
  const environment = {
    FAULT: JSON.stringify(fault),
    BUN_OPTIONS: `--preload=${join(import.meta.dir, "fault-preload.ts")}`,
  };
  await cluster.register(spare, fault.isReturn ? {} : environment);
  const changing = fault.isReturn ? undefined : changeLeader(cluster, spare, fault);
  const node = await admit(cluster, before);
  if (fault.isReturn) await comeBack(cluster, spare, fault, environment);
  const ms = performance.now() - start;
  await changing;
  // The node itself learns last that it has a vote.
  await settle(`the fault: ${faultName(fault)}`, LIMIT_MS, () =>
    existsSync(marker(cluster, spare, "fault-hit")),
  );
  const after = await cluster.voters(before.length + 1);
  if (after.length !== before.length + 1) {
    throw new FaultError(`there are ${after.length} nodes instead of ${before.length + 1}`);
  }
  await removeNode(cluster, spare, node.id);
  return Math.round(ms);
}

/** The machine's plug is pulled and put back, and the fault happens on its way back. */
async function comeBack(
  cluster: ProcessCluster,
  spare: number,
  fault: Fault,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { status } = await cluster.nodeOn(spare);
  const lastBoot = status?.bootId ?? new Uint8Array();
  await cluster.kill(spare);
  const changing = changeLeader(cluster, spare, fault);
  await cluster.machine(spare).powerOn({ environment });
  await changing;
  await cluster.until("another boot of the node", (nodes) =>
    nodes.some((node) => {
      const isThere = node.status?.externalAddress === cluster.machine(spare).address;
      return isThere && Buffer.compare(node.status?.bootId ?? lastBoot, lastBoot) !== 0;
    }),
  );
}

function marker(cluster: ProcessCluster, spare: number, name: string): string {
  return join(cluster.machine(spare).files.directory, name);
}

/** While the node stands still, the leader is killed; then it goes on, and the leader comes back. */
async function changeLeader(cluster: ProcessCluster, spare: number, fault: Fault): Promise<void> {
  if (fault.action !== "hold") return;
  await settle("the node to stand still", LIMIT_MS, () =>
    existsSync(marker(cluster, spare, "fault-hit")),
  );
  const leader = await cluster.leader();
  await cluster.kill(leader);
  writeFileSync(marker(cluster, spare, "fault-go"), "");
  await cluster.write("without the leader");
  await cluster.powerOn(leader);
}

/** Approves what asks for admission, and gives it the role, until it has a vote. */
export async function admit(cluster: ProcessCluster, before: readonly Node[]): Promise<Node> {
  const known = new Set(before.map(({ id }) => id));
  const isNew = ({ id }: Node) => !known.has(id);
  await approveOne(cluster, isNew);
  const up = await cluster.until("the new node to be UP", (nodes) =>
    nodes.some((node) => isNew(node) && node.state === NodeState.UP),
  );
  const node = up.find(isNew);
  if (node === undefined) throw new FaultError("the new node is gone");
  await cluster.ask(({ management }) =>
    management.updateNodeRoles({ node: { case: "id", value: node.id }, consensusMember: true }),
  );
  const isVoter = ({ id, consensusStatus, health }: Node) =>
    id === node.id && consensusStatus === ConsensusStatus.VOTER && health === Health.HEALTHY;
  await cluster.until("its vote", (nodes) => nodes.some(isVoter));
  return node;
}

async function approveOne(cluster: ProcessCluster, isNew: (node: Node) => boolean) {
  const found = await cluster.until("a registration", (nodes) => nodes.some(isNew), LIMIT_MS);
  for (const { pubkey } of found.filter(isNew)) {
    await cluster.ask(({ management }) => management.approveNode({ pubkey }));
  }
}

/** Takes a node out of the cluster for good, and switches its machine off. */
export async function removeNode(cluster: ProcessCluster, machine: number, id: string) {
  await cluster.metroctl("node", "remove", "role", "ConsensusMember", id);
  await cluster.until("no member of consensus on it", (nodes) =>
    nodes.some((node) => node.id === id && node.consensusStatus === ConsensusStatus.NONE),
  );
  await cluster.metroctl("node", "decommission", id);
  await cluster.until("its end", (nodes) =>
    nodes.some((node) => node.id === id && node.state === NodeState.DECOMMISSIONED),
  );
  await cluster.metroctl("node", "delete", id);
  await cluster.kill(machine);
}
