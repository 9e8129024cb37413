// The networks of pods: the leader allots each worker one of IPv4 and one of IPv6, which it
// holds until it is deleted. What a node says of itself has no part in that.
import { formatPrefix, type Prefix } from "../../base/format/ip-prefix.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { POD_NETWORK, podNetwork6 } from "../../image/image.ts";
import type { Leader } from "./leader.ts";

/** 254 pods on a node, of which Kubernetes runs 110 at most; 8,192 nodes. */
const RANGE_LENGTH = 24;
/** As IPv6 wants every network to be. */
const RANGE_LENGTH_6 = 64;

const RANGES = 2 ** (RANGE_LENGTH - POD_NETWORK.length);

/** The ranges with a number: the same number in both families. */
export function podRanges(number: number, network6: Prefix): readonly string[] {
  const at = (base: bigint, length: number, bits: number) =>
    base + (BigInt(number) << BigInt(bits - length));
  return [
    { family: 4, value: at(POD_NETWORK.value, RANGE_LENGTH, 32), length: RANGE_LENGTH } as const,
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
    `all ${RANGES} pod ranges of ${formatPrefix(POD_NETWORK)} are held by nodes; delete nodes that are gone`,
  );
}
