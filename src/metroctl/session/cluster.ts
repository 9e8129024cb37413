// A cluster as a command sees it: the leader of its control plane, found by
// asking the endpoints in turn, and its nodes by their IDs.
import { sleep } from "../../base/event/event.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import { type Channel, type Client, connect, RpcError } from "../../base/rpc/rpc.ts";
import { Curator, CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  Management,
  type Node,
  NodeManagement,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { UserError } from "../output/user-error.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { chosenContext, type Reach } from "./context.ts";
import { type Credentials, ownerCredentials, trustedCa } from "./owner.ts";
import { reachOf, target } from "./reach.ts";

/** How long one endpoint may take to answer before the next is asked. */
const ENDPOINT_TIMEOUT_MS = 10_000;
/** How long to go on asking while no endpoint names a leader. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 250;
const NODE_MANAGEMENT_PORT = 7839;

/** An open cluster. `using` closes its connections. */
export interface Cluster extends Disposable {
  readonly management: Client<typeof Management>;
  /** What nodes call; of use here for its watch. */
  readonly curator: Client<typeof Curator>;
  /** The cluster's CA, DER. */
  readonly ca: Uint8Array;
  /** Finds exactly one node. Throws a {@link UserError} when there is none of that ID. */
  node(id: string): Promise<Node>;
  /** The management service of one node, whose identity is checked. */
  nodeManagement(node: Node): Client<typeof NodeManagement>;
}

interface Session {
  readonly credentials: Credentials;
  readonly ca: Uint8Array;
  readonly reach: Reach;
}

/**
 * Connects to the cluster's leader as its owner.
 *
 * Throws a {@link UserError} before ownership was taken, and when no endpoint
 * answers, with what each of them said.
 */
export async function openCluster(args: ClusterArgs, patienceMs = PATIENCE_MS): Promise<Cluster> {
  const context = chosenContext(args);
  const credentials = ownerCredentials(context);
  const ca = trustedCa(context);
  if (ca === undefined)
    throw new UserError(`context ${context.name} has no ca.pem: run metroctl takeownership again`);
  const session = { credentials, ca, reach: reachOf(args, context) };
  const leader = await findLeader(session, patienceMs);
  const channels = [leader];
  return {
    management: leader.client(Management),
    curator: leader.client(Curator),
    ca,
    node: (id) => findNode(leader.client(Management), id),
    nodeManagement: (node) => {
      const channel = dialNode(session, node);
      channels.push(channel);
      return channel.client(NodeManagement);
    },
    [Symbol.dispose]: () => {
      for (const channel of channels) channel.close();
    },
  };
}

/**
 * Asks one endpoint after the other who leads, and connects there. Asks again
 * for a while, because a member that becomes the leader closes its port for a
 * moment, and a member that starts knows no leader yet.
 */
async function findLeader(session: Session, patienceMs: number): Promise<Channel> {
  const limit = performance.now() + patienceMs;
  for (;;) {
    const failures: string[] = [];
    for (const endpoint of session.reach.endpoints) {
      try {
        return await leaderBehind(session, endpoint);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        failures.push(`${endpoint}: ${error.message}`);
      }
    }
    if (performance.now() > limit)
      throw new UserError(`no endpoint answers: ${failures.join("; ")}`);
    await sleep(PAUSE_MS);
  }
}

async function leaderBehind(session: Session, endpoint: string): Promise<Channel> {
  let seen = "";
  const channel = dial(session, target(endpoint), (id) => {
    seen = id;
  });
  const leader = await currentLeader(channel).catch((error: unknown) => {
    channel.close();
    throw error;
  });
  // The endpoint may be a name or a forwarded port: when it leads itself it is kept as it is.
  if (leader.leaderNodeId === seen) return channel;
  channel.close();
  return dial(session, target(leader.leaderHost, leader.leaderPort), expect(leader.leaderNodeId));
}

async function currentLeader(channel: Channel) {
  const options = { timeoutMs: ENDPOINT_TIMEOUT_MS };
  for await (const leader of channel.client(CuratorLocal).getCurrentLeader({}, options)) {
    return leader;
  }
  throw new UserError("the endpoint ended the call without naming a leader: try again");
}

function dial({ credentials, ca, reach }: Session, to: string, see: (id: string) => void): Channel {
  const verify = (certificate: Uint8Array) => see(verifyNode(certificate, ca).id);
  return connect({ target: to, credentials: { ...credentials, verify }, proxy: reach.proxy });
}

/** Refuses any node but one. */
function expect(id: string): (seen: string) => void {
  return (seen) => {
    if (seen !== id) throw new UserError(`expected node ${id}, but ${seen} answered`);
  };
}

async function findNode(management: Client<typeof Management>, id: string): Promise<Node> {
  if (!/^metropolis-[0-9a-f]{32}$/.test(id))
    throw new UserError(`${id} is no node ID: metroctl node list prints them`);
  const found = await Array.fromAsync(management.getNodes({ filter: `node.id == "${id}"` }));
  const [node] = found;
  if (node === undefined)
    throw new UserError(`no node ${id} in this cluster: metroctl node list prints them`);
  return node;
}

function dialNode(session: Session, node: Node): Channel {
  const address = node.status?.externalAddress ?? "";
  if (address === "")
    throw new UserError(`node ${node.id} has not told its address yet: try again when it is up`);
  return dial(session, target(address, NODE_MANAGEMENT_PORT), expect(node.id));
}
