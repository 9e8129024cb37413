// A cluster as a command sees it: the leader of its control plane, whoever that
// is at the moment, and its nodes by their IDs.
import { sleep } from "../../base/event/event.ts";
import { isNodeId } from "../../base/pki/node-id.ts";
import { Attempts, type Client, Code, RpcError } from "../../base/rpc/rpc.ts";
import { Curator, CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  Management,
  type Node,
  NodeManagement,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import type { ClusterDirectory } from "../../gen/metropolis/proto/common/common_pb.ts";
import { warn } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { type ContextFolder, chosenContext, contextFiles } from "./context.ts";
import { connectLeader, type Following } from "./leader.ts";
import { Members } from "./members.ts";
import { finishRotation } from "./next-owner.ts";
import { connectNode } from "./node-channel.ts";
import { ownerCredentials, trustedCa } from "./owner.ts";
import { reachOf } from "./reach.ts";
import { renewedCredentials } from "./renew-owner.ts";

/** How long a list of nodes may take, over all attempts. */
const LIST_MS = 30_000;
const PAUSE_MS = 250;

/** An open cluster. `using` closes its connections. */
export interface Cluster extends Disposable {
  readonly management: Client<typeof Management>;
  /** What nodes call; of use here for its watch. */
  readonly curator: Client<typeof Curator>;
  /** The cluster's CA, DER. */
  readonly ca: Uint8Array;
  /** How its leader is found. */
  readonly way: Omit<Following, "credentials">;
  /** Who leads. */
  readonly local: Client<typeof CuratorLocal>;
  /** The nodes for which a filter holds, in the order of their IDs. */
  nodes(filter?: string): Promise<readonly Node[]>;
  /** Finds exactly one node. Throws a {@link UserError} when there is none of that ID. */
  node(id: string): Promise<Node>;
  /** The management service of one node, whose identity is checked. */
  nodeManagement(node: Node): Promise<Client<typeof NodeManagement>>;
}

/**
 * Connects to the cluster's leader as its owner, and follows it from then on:
 * calls are made again while there is none, until their deadline.
 *
 * Throws a {@link UserError} before ownership was taken, and when no endpoint
 * answers, with what each of them said.
 */
export async function openCluster(args: ClusterArgs, patienceMs?: number): Promise<Cluster> {
  const context = chosenContext(args);
  ownerCredentials(context);
  const ca = trustedCa(context);
  if (ca === undefined)
    throw new UserError(`context ${context.name} has no ca.pem: run metroctl takeownership again`);
  const members = new Members(context, reachOf(args, context));
  const way = {
    ...{ ca, reach: () => members.reach },
    learn: (directory: ClusterDirectory) => members.learn(directory),
  };
  // Another key may own the cluster by now, of which the answer was lost.
  if (!(await finishRotation(context, way))) remindOfRotation(context);
  const credentials = await renewedCredentials(context, ownerCredentials(context), way);
  const session = { credentials, ca, reach: members.reach };
  const leader = await connectLeader({ ...way, credentials }, patienceMs);
  const management = leader.client(Management);
  const channels = [leader];
  const nodes = (filter = "") => listNodes(management, filter);
  return {
    management,
    curator: leader.client(Curator),
    local: leader.client(CuratorLocal),
    ...{ ca, way },
    nodes,
    node: (id) => findNode(nodes, id),
    nodeManagement: async (node) => {
      const channel = await connectNode(session, node);
      channels.push(channel);
      return channel.client(NodeManagement);
    },
    [Symbol.dispose]: () => {
      for (const channel of channels) channel.close();
    },
  };
}

/** The key may be wanted, and is never thrown away: whoever says that it owns nothing may lie. */
function remindOfRotation(context: ContextFolder): void {
  if (context.read(contextFiles.nextOwnerKey) === undefined) return;
  warn(
    `a rotation of the owner's key was begun and did not happen: ${contextFiles.nextOwnerKey} ` +
      "waits for it, and metroctl cluster owner rotate goes on with it",
  );
}

/** All of a list, or none: one that breaks off in the middle is begun again. */
async function listNodes(management: Client<typeof Management>, filter: string) {
  const limit = performance.now() + LIST_MS;
  const attempts = new Attempts();
  for (;;) {
    const timeoutMs = Math.max(1, limit - performance.now());
    try {
      return await Array.fromAsync(management.getNodes({ filter }, { timeoutMs }));
    } catch (error) {
      attempts.failed(error);
      const isLost = error instanceof RpcError && error.code === Code.unavailable;
      if (!isLost || performance.now() + PAUSE_MS > limit) throw attempts.failure;
    }
    await sleep(PAUSE_MS);
  }
}

async function findNode(nodes: Cluster["nodes"], id: string): Promise<Node> {
  if (!isNodeId(id)) throw new UserError(`${id} is no node ID: metroctl node list prints them`);
  const node = (await nodes(`node.id == "${id}"`)).find((each) => each.id === id);
  if (node === undefined)
    throw new UserError(`no node ${id} in this cluster: metroctl node list prints them`);
  return node;
}
