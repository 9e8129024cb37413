// Doing something for as long as the cluster wants it of this node.
import type { Value } from "../../base/event/event.ts";
import type { NodeRoles } from "../../gen/metropolis/proto/common/common_pb.ts";

/** Whether a node with these roles takes part in consensus. */
export function isMember({ consensusMember }: NodeRoles): boolean {
  return consensusMember !== undefined;
}

/**
 * Does `work` for the wish there is, and returns when the wish is another: unfinished work
 * ends then, finished work is waited upon. Throws what the work throws.
 */
export async function whileMembership(
  roles: Value<NodeRoles>,
  isWanted: boolean,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  const change = roles.first(either, (next) => isMember(next) !== isWanted);
  const working = work(either);
  try {
    await Promise.race([change, working.then(() => change)]);
  } finally {
    end.abort();
    await Promise.allSettled([change, working]);
  }
}
