// Curator.UpdateNodeClusterNetworking: takes in a node's part of the encrypted
// network between nodes.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { callingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, type NodeChange } from "../state/nodes.ts";
import { isWithin, parsePrefix } from "../state/prefix.ts";

/** The addresses of pods, of which each node has a part. */
const CLUSTER_NETWORK = "10.192.0.0/11";

const WIREGUARD_KEY_BYTES = 32;

/** Replaces how the calling node takes part. */
export function updateClusterNetworking(
  leader: Leader,
): Handler<typeof Curator.method.updateNodeClusterNetworking> {
  return async ({ clusternet }, call) => {
    const { id } = callingNode(call);
    const decide = ({ status }: Readonly<Node>): NodeChange => {
      const address = status?.externalAddress ?? "";
      if (address === "") {
        throw new RpcError(Code.failedPrecondition, "node has not reported its status yet");
      }
      if (clusternet === undefined) throw invalid("clusternet must be set");
      checkKey(leader, id, clusternet.wireguardPubkey);
      for (const { cidr } of clusternet.prefixes) checkPrefix(cidr, address);
      return { fields: { clusternet } };
    };
    // A key that two nodes bring at the same time is still only for one of them.
    await leader.meshLock.hold(() => changeNode(leader, id, decide));
    return {};
  };
}

function checkKey({ nodes }: Leader, id: string, key: string): void {
  const bytes = Buffer.from(key, "base64");
  // Buffer forgives much in base64; a second spelling would be a second key.
  if (bytes.length !== WIREGUARD_KEY_BYTES || bytes.toString("base64") !== key) {
    throw invalid("clusternet.wireguard_pubkey is not a WireGuard key");
  }
  const isTaken = ({ node, id: other }: ReturnType<typeof nodes.list>[number]) =>
    other !== id && node.clusternet?.wireguardPubkey === key;
  if (nodes.list().some(isTaken)) throw invalid("clusternet.wireguard_pubkey is another node's");
}

function checkPrefix(cidr: string, address: string): void {
  const prefix = parsePrefix(cidr);
  if (prefix === undefined) throw invalid(`${JSON.stringify(cidr)} is not a canonical prefix`);
  if (cidr === `${address}/32` || isWithin(prefix, parsePrefix(CLUSTER_NETWORK))) return;
  throw invalid(`${cidr} is neither in ${CLUSTER_NETWORK} nor the node's own address`);
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
