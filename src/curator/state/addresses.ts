// Who has which address. An address belongs to one node: names, certificates' holders and
// the peers of the encrypted network are found by it. Whoever held it first keeps it, unless
//
//   - the other one calls from there: then the network itself has moved the address, as a
//     DHCP server does that gives it to somebody else;
//   - the holder has been silent for a while: behind a translator of addresses nobody can
//     call from his own.
//
// Who is refused loses the address that he had before, as by his own word he has left it:
// two that swap addresses would else wait for each other.
import { hostAddressFault } from "../../base/format/host-address.ts";
import { formatPrefix, hostCidr, isWithin, parsePrefix } from "../../base/format/ip-prefix.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type { Leader } from "./leader.ts";
import type { CachedNode } from "./node-cache.ts";
import { changeNode } from "./nodes.ts";
import { POD_NETWORK, podNetwork6 } from "./pod-ranges.ts";

/** Heard of within this time, a node keeps its address against one that does not call from it. */
const CLAIM_MS = 60_000;

/** A node that says where it is reached. */
export interface Claim {
  readonly id: string;
  readonly address: string;
  /** Where its call came from. */
  readonly remoteAddress: string;
}

/** Throws invalidArgument for what is no address of a node. */
export async function requireHostAddress(leader: Leader, address: string): Promise<void> {
  const fault = hostAddressFault(address) ?? (await podFault(leader, address));
  if (fault === undefined) return;
  const shown = JSON.stringify(address.slice(0, 64));
  throw new RpcError(Code.invalidArgument, `status.external_address ${shown} is ${fault}`);
}

/** One among the addresses of pods would draw those of somebody else's pods to it. */
async function podFault(leader: Leader, address: string): Promise<string | undefined> {
  const own = parsePrefix(hostCidr(address));
  if (own === undefined) return undefined;
  const network6 = podNetwork6((await leader.ca()).certificate);
  const network = [parsePrefix(POD_NETWORK), network6].find((pods) => isWithin(own, pods));
  if (network === undefined) return undefined;
  return `inside ${formatPrefix(network)}, the network of pods; give the node another address`;
}

/**
 * Sees to it that nobody else has the address. Throws alreadyExists, naming the holder, where
 * that one keeps it. Hold the lock of the mesh from here until the claim is written.
 */
export async function claimAddress(leader: Leader, claim: Claim): Promise<void> {
  const { id, address } = claim;
  // The leader's own node calls itself, by whatever way.
  const isFromThere = claim.remoteAddress === address || id === leader.self;
  const isHolder = (each: CachedNode) => each.id !== id && addressOf(each.node) === address;
  for (const { id: holder } of leader.nodes.list().filter(isHolder)) {
    const reason = refusal(leader, holder, address, isFromThere);
    if (reason !== undefined) {
      await dropAddress(leader, id);
      throw new RpcError(Code.alreadyExists, `address ${address} is node ${holder}'s: ${reason}`);
    }
    await dropAddress(leader, holder);
    leader.log.warning(`Node ${holder} has lost the address ${address} to node ${id}`);
  }
  if (isFromThere) leader.addressMoves.record(id, address);
}

/** Why the holder keeps the address; undefined where it loses it. */
function refusal(
  { heartbeats, addressMoves }: Leader,
  holder: string,
  address: string,
  isFromThere: boolean,
): string | undefined {
  if (heartbeats.isSilent(holder, CLAIM_MS)) return undefined;
  if (!isFromThere) return "it was heard from lately, and the call does not come from there";
  // Only who called from there has moved: a word that is repeated keeps nobody out.
  return addressMoves.isFresh(holder, address) ? "it has moved there only just now" : undefined;
}

/** Hold the lock of the mesh: then nobody else changes addresses. */
function dropAddress(leader: Leader, id: string): Promise<void> {
  return changeNode(leader, id, (node) => {
    const { status } = node;
    if (status === undefined || status.externalAddress === "") return {};
    return { fields: { status: { ...status, externalAddress: "" }, ...networkingAt(node, "") } };
  });
}

function addressOf({ status }: Readonly<Node>): string {
  return status?.externalAddress ?? "";
}

/** The node's networking once it is at an address: without the one that it has left. */
export function networkingAt(
  { status, clusternet }: Readonly<Node>,
  address: string,
): Partial<Node> {
  const before = status?.externalAddress ?? "";
  if (clusternet === undefined || before === "" || before === address) return {};
  const left = hostCidr(before);
  const prefixes = clusternet.prefixes.filter(({ cidr }) => cidr !== left);
  return { clusternet: { ...clusternet, prefixes } };
}
