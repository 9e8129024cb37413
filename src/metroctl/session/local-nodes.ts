// Further nodes of a local cluster: registered, approved and made members of the
// control plane by the calls that an operator's commands make.
import { sleep } from "../../base/event/event.ts";
import { RpcError } from "../../base/rpc/rpc.ts";
import {
  ConsensusStatus,
  Node_Health as Health,
  type Node,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { consensusWord, stateWord } from "../output/node-words.ts";
import { UserError } from "../output/user-error.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { registerParameters } from "./node-parameters.ts";

/** What is added to, and how. */
export interface Adding {
  readonly args: ClusterArgs;
  /** How many nodes there are in the end, with those there are already. */
  readonly count: number;
  /** Starts all machines but the first with these node parameters. */
  readonly install: (parameters: Uint8Array) => Promise<void>;
  readonly step: (text: string) => void;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 20 * 60_000;
const POLL_MS = 100;
/** More voters make every write slower, and no cluster on one workstation safer. */
const MOST_MEMBERS = 5;

/** How many of so many nodes take part in consensus: an odd number, as even ones add no safety. */
export function memberCount(nodes: number): number {
  return Math.min(MOST_MEMBERS, nodes % 2 === 0 ? nodes - 1 : nodes);
}

/** Adds nodes until there are `count`, all up, and as many members as are of use. */
export async function addNodes({ args, count, install, step, signal }: Adding): Promise<void> {
  await install(await eventually(() => registerParameters(args), signal));
  step("Waiting for them to register");
  await until(args, signal, async (nodes, cluster) => {
    for (const { state, pubkey } of nodes) {
      if (state === NodeState.NEW) await cluster.management.approveNode({ pubkey });
    }
    return nodes.filter(({ state }) => state === NodeState.UP).length === count;
  });
  const members = memberCount(count);
  step(`All ${count} nodes are up; making ${members} of them members of consensus`);
  await until(args, signal, async (nodes, cluster) => {
    const [own, others] = [nodes.filter(hasRole), nodes.filter((node) => !hasRole(node))];
    for (const { id } of others.slice(0, members - own.length)) {
      await cluster.management.updateNodeRoles({
        node: { case: "id", value: id },
        consensusMember: true,
      });
    }
    return own.filter(isHealthyVoter).length === members;
  });
}

function toldOf(node: Node): string {
  const words = [stateWord(node), Health[node.health] ?? "unknown", consensusWord(node)];
  return `${node.id} is ${words.filter((word) => word !== "").join(" ")}`;
}

function hasRole({ roles }: Node): boolean {
  return roles?.consensusMember !== undefined;
}

function isHealthyVoter({ consensusStatus, health }: Node): boolean {
  return consensusStatus === ConsensusStatus.VOTER && health === Health.HEALTHY;
}

/** Looks at the nodes until `isDone`. */
async function until(
  args: ClusterArgs,
  signal: AbortSignal,
  isDone: (nodes: readonly Node[], cluster: Cluster) => Promise<boolean>,
): Promise<void> {
  const limit = performance.now() + TIMEOUT_MS;
  const look = async () => {
    using cluster = await openCluster(args);
    for (;;) {
      const nodes = await Array.fromAsync(cluster.management.getNodes({}, { signal }));
      if (await isDone(nodes, cluster)) return;
      if (performance.now() > limit)
        throw new UserError(
          `not all nodes joined in time: ${nodes.map(toldOf).join(", ")}; see metroctl cluster console`,
        );
      await sleep(POLL_MS, signal);
    }
  };
  await eventually(look, signal);
}

/** Tries again while the cluster is between two leaders. */
async function eventually<R>(work: () => Promise<R>, signal: AbortSignal): Promise<R> {
  const limit = performance.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isPassing = error instanceof RpcError || error instanceof UserError;
      if (!isPassing || performance.now() > limit) throw error;
    }
    await sleep(POLL_MS, signal);
  }
}
