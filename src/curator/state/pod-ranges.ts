// The networks of pods: the leader allots each worker one of IPv4 and one of IPv6, which it
// holds until it is deleted. What a node says of itself has no part in that.
import { formatPrefix, type Prefix, parsePrefix } from "../../base/format/ip-prefix.ts";
import { uniqueLocalNetwork } from "../../base/format/unique-local.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Leader } from "./leader.ts";

/** The IPv4 addresses of all pods. No node has its own address among them. */
export const POD_NETWORK = "10.192.0.0/11";

/** 254 pods on a node, of which Kubernetes runs 110 at most; 8,192 nodes. */
const RANGE_LENGTH = 24;
/** As IPv6 wants every network to be. */
const RANGE_LENGTH_6 = 64;

const podNetwork = parsePrefix(POD_NETWORK) ?? { family: 4, value: 0n, length: 0 };
const RANGES = 2 ** (RANGE_LENGTH - podNetwork.length);

/**
 * The IPv6 addresses of all pods: another network in each cluster, so that clusters can be
 * joined. The CA's certificate is as good as chance, and needs no place of its own: nodes, who
 * have it, lead this network through the mesh.
 */
export function podNetwork6(caCertificate: Uint8Array): Prefix {
  return uniqueLocalNetwork(caCertificate);
}

/** The ranges with a number: the same number in both families. */
export function podRanges(number: number, network6: Prefix): readonly string[] {
  const at = (base: bigint, length: number, bits: number) =>
    base + (BigInt(number) << BigInt(bits - length));
  return [
    { family: 4, value: at(podNetwork.value, RANGE_LENGTH, 32), length: RANGE_LENGTH } as const,
    { family: 6, value: at(network6.value, RANGE_LENGTH_6, 128), length: RANGE_LENGTH_6 } as const,
  ].map(formatPrefix);
}

/**
 * Ranges that no node has: those with the lowest number. Hold the lock of the mesh from here
 * until they are written. Throws resourceExhausted where all are held.
 */
export async function freePodRanges(leader: Leader): Promise<readonly string[]> {
  const network6 = podNetwork6((await leader.ca()).certificate);
  const held = new Set(leader.nodes.list().flatMap(({ node }) => node.podRanges));
  for (let number = 0; number < RANGES; number++) {
    const ranges = podRanges(number, network6);
    if (!ranges.some((range) => held.has(range))) return ranges;
  }
  throw new RpcError(
    Code.resourceExhausted,
    `all ${RANGES} pod ranges of ${POD_NETWORK} are held by nodes; delete nodes that are gone`,
  );
}
