// Who has which address. An address belongs to one node: names, certificates' holders and
// the peers of the encrypted network are found by it. Whoever held it first keeps it, unless
//
//   - the other one calls from there: then the network itself has moved the address, as a
//     DHCP server does that gives it to somebody else;
//   - the holder has been silent for a while: behind a translator of addresses nobody can
//     call from his own.
//
// Who is refused loses the address that he had before, as by his own word he has left it:
// two that swap addresses would else wait for each other. Of several addresses the first decides;
// of the others a node goes without those that it does not get.
import { hostAddressFault } from "../../base/format/host-address.ts";
import { formatPrefix, hostCidr, isWithin, parsePrefix } from "../../base/format/ip-prefix.ts";
import { allAddresses } from "../../base/format/reached.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type { NodeStatus } from "../../gen/metropolis/proto/common/common_pb.ts";
import { POD_NETWORK, podNetwork6 } from "../../image/image.ts";
import type { Leader } from "./leader.ts";
import { MOST_ADDRESSES } from "./limits.ts";
import type { CachedNode } from "./node-cache.ts";
import { changeNode } from "./nodes.ts";

/** Heard of within this time, a node keeps its address against one that does not call from it. */
const CLAIM_MS = 60_000;

/** A node that says where it is reached. */
export interface Claim {
  readonly id: string;
  /** Best first; one at least. */
  readonly addresses: readonly string[];
  /** Where its call came from. */
  readonly remoteAddress: string;
}

/** The addresses in a status, best first. Throws invalidArgument for what are none of a node. */
export async function requireAddresses(
  leader: Leader,
  status: NodeStatus,
): Promise<readonly string[]> {
  const { externalAddress, addresses } = status;
  await requireHostAddress(leader, "external_address", externalAddress);
  if (addresses.length > MOST_ADDRESSES) {
    throw invalid(`status has more than ${MOST_ADDRESSES} addresses`);
  }
  if (new Set(addresses).size !== addresses.length) throw invalid("an address occurs twice");
  if (addresses.length > 0 && addresses[0] !== externalAddress) {
    throw invalid("status.external_address is not the first of status.addresses");
  }
  for (const address of addresses) await requireHostAddress(leader, "addresses", address);
  return allAddresses(status);
}

async function requireHostAddress(leader: Leader, field: string, address: string) {
  const fault = hostAddressFault(address) ?? (await podFault(leader, address));
  if (fault === undefined) return;
  throw invalid(`status.${field} ${JSON.stringify(address.slice(0, 64))} is ${fault}`);
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}

/** One among the addresses of pods would draw those of somebody else's pods to it. */
async function podFault(leader: Leader, address: string): Promise<string | undefined> {
  const own = parsePrefix(hostCidr(address));
  if (own === undefined) return undefined;
  const network6 = podNetwork6((await leader.ca()).certificate);
  const network = [POD_NETWORK, network6].find((pods) => isWithin(own, pods));
  if (network === undefined) return undefined;
  return `inside ${formatPrefix(network)}, the network of pods; give the node another address`;
}

/**
 * Gives the node those of the addresses that nobody else keeps. Throws alreadyExists, naming the
 * holder, where that is not even the first. Hold the lock of the mesh from here until what comes
 * back is written.
 */
export async function claimAddresses(leader: Leader, claim: Claim): Promise<readonly string[]> {
  const { id, addresses } = claim;
  const before = allAddresses(leader.nodes.get(id)?.node.status);
  const got: string[] = [];
  for (const address of addresses) {
    // Who has it already has not moved there, however often he says so.
    const reason = before.includes(address) ? undefined : await claimOne(leader, claim, address);
    if (reason === undefined) got.push(address);
    else if (got.length === 0) {
      await dropAddresses(leader, id, () => true);
      throw new RpcError(Code.alreadyExists, reason);
    }
  }
  return got;
}

/** Takes an address from whoever has it; gives the reason where he keeps it. */
async function claimOne(
  leader: Leader,
  { id, remoteAddress }: Claim,
  address: string,
): Promise<string | undefined> {
  // The leader's own node calls itself, by whatever way.
  const isFromThere = remoteAddress === address || id === leader.self;
  const isHolder = (each: CachedNode) =>
    each.id !== id && allAddresses(each.node.status).includes(address);
  for (const { id: holder } of leader.nodes.list().filter(isHolder)) {
    const reason = refusal(leader, holder, address, isFromThere);
    if (reason !== undefined) return `address ${address} is node ${holder}'s: ${reason}`;
    await dropAddresses(leader, holder, (held) => held === address);
    leader.log.warning(`Node ${holder} has lost the address ${address} to node ${id}`);
  }
  if (isFromThere) leader.addressMoves.record(id, address);
  return undefined;
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
function dropAddresses(
  leader: Leader,
  id: string,
  isLost: (address: string) => boolean,
): Promise<void> {
  return changeNode(leader, id, (node) => {
    const { status } = node;
    const before = allAddresses(status);
    const left = before.filter((address) => !isLost(address));
    if (status === undefined || left.length === before.length) return {};
    return { fields: { status: reachedAt(status, left), ...networkingAt(node, left) } };
  });
}

/** A status with other addresses. */
export function reachedAt(status: NodeStatus, addresses: readonly string[]): NodeStatus {
  return { ...status, externalAddress: addresses[0] ?? "", addresses: [...addresses] };
}

/** The node's networking once it is at these addresses: without those that it has left. */
export function networkingAt(
  { status, clusternet }: Readonly<Node>,
  addresses: readonly string[],
): Partial<Node> {
  const left = allAddresses(status).filter((address) => !addresses.includes(address));
  if (clusternet === undefined || left.length === 0) return {};
  const gone = new Set(left.map(hostCidr));
  const prefixes = clusternet.prefixes.filter(({ cidr }) => !gone.has(cidr));
  return { clusternet: { ...clusternet, prefixes } };
}
