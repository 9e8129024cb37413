// Curator.UpdateNodeClusterNetworking: takes in a node's part of the encrypted
// network between nodes.
import { hostCidr, parsePrefix } from "../../base/format/ip-prefix.ts";
import { allAddresses } from "../../base/format/reached.ts";
import { isWireguardKey } from "../../base/format/wireguard-key.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { reportingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { MOST_PREFIXES } from "../state/limits.ts";
import { changeNode, type NodeChange } from "../state/nodes.ts";

/** Replaces how the calling node takes part. */
export function updateClusterNetworking(
  leader: Leader,
): Handler<typeof Curator.method.updateNodeClusterNetworking> {
  return async ({ clusternet }, call) => {
    const { id } = reportingNode(leader, call);
    const decide = ({ status, podRanges }: Readonly<Node>): NodeChange => {
      const addresses = allAddresses(status);
      if (addresses.length === 0) {
        throw new RpcError(
          Code.failedPrecondition,
          "node has no address: it has to report its status",
        );
      }
      if (clusternet === undefined) throw invalid("clusternet must be set");
      if (clusternet.prefixes.length > MOST_PREFIXES) {
        throw invalid(`clusternet has more than ${MOST_PREFIXES} prefixes`);
      }
      checkKey(leader, id, clusternet.wireguardPubkey);
      checkPrefixes(
        clusternet.prefixes.map(({ cidr }) => cidr),
        [...addresses.map(hostCidr), ...podRanges],
      );
      return { fields: { clusternet } };
    };
    // A key that two nodes bring at the same time is still only for one of them.
    await leader.meshLock.hold(() => changeNode(leader, id, decide));
    return {};
  };
}

function checkKey({ nodes }: Leader, id: string, key: string): void {
  if (!isWireguardKey(key)) throw invalid("clusternet.wireguard_pubkey is not a WireGuard key");
  const holder = nodes
    .list()
    .find((other) => other.id !== id && other.node.clusternet?.wireguardPubkey === key);
  if (holder === undefined) return;
  throw new RpcError(
    Code.alreadyExists,
    `clusternet.wireguard_pubkey is node ${holder.id}'s: a node makes its own`,
  );
}

function checkPrefixes(prefixes: readonly string[], own: readonly string[]): void {
  if (new Set(prefixes).size !== prefixes.length) throw invalid("a prefix occurs twice");
  for (const cidr of prefixes) {
    if (own.includes(cidr)) continue;
    const shown = JSON.stringify(cidr.slice(0, 64));
    if (parsePrefix(cidr) === undefined) throw invalid(`${shown} is not a canonical prefix`);
    throw invalid(`${shown} is neither an own address of the node nor a pod range allotted to it`);
  }
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
