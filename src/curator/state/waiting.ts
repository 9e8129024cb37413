// The machines that wait for approval: how many there may be, who has to go when there is
// no room, and when they are forgotten.
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Write } from "../../base/etcd/etcd.ts";
import { Code, originOf, RpcError } from "../../base/rpc/rpc.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "./keys.ts";
import type { Leader } from "./leader.ts";
import { MOST_WAITING, MOST_WAITING_OF_ADDRESS, SEEN_MS, WAITING_MS } from "./limits.ts";
import type { CachedNode } from "./node-cache.ts";
import { commitNodes } from "./nodes.ts";

/** NEW nodes forgotten in one transaction; etcd takes 128 operations. */
const PORTION = 50;

/** What makes the cluster forget a node that is NEW. */
export function forgetWrites({ id, node }: CachedNode): Write[] {
  return [{ delete: keys.node(id) }, { delete: keys.joinKey(node.joinKey) }];
}

/**
 * A node that has to be forgotten so that another may register from an address; undefined while
 * there is room. Only a node of an old ticket gives way: throws resourceExhausted without one.
 */
export function nodeToEvict(
  { nodes }: Leader,
  address: string,
  ticketDigest: Uint8Array,
): CachedNode | undefined {
  const waiting = nodes.list().filter(isWaiting);
  const origin = originOf(address);
  const neighbours = waiting.filter((each) => originOf(addressOf(each)) === origin);
  const isAddressFull = neighbours.length >= MOST_WAITING_OF_ADDRESS;
  if (!isAddressFull && waiting.length < MOST_WAITING) return undefined;
  const [oldest] = (isAddressFull ? neighbours : waiting)
    .filter(({ node }) => !isSame(node.registration?.ticketDigest, ticketDigest))
    .toSorted((a, b) => seenMs(a) - seenMs(b));
  if (oldest !== undefined) return oldest;
  const count = isAddressFull ? `${neighbours.length} at ${origin}` : waiting.length;
  throw new RpcError(
    Code.resourceExhausted,
    `too many machines wait for approval (${count}): approve or delete some, or rotate the register ticket`,
  );
}

/** Forgets NEW nodes that have given no sign of life for long; always gets there. */
export async function expireWaiting(leader: Leader): Promise<boolean> {
  const now = Date.now();
  const lost = leader.nodes.list().filter((each) => isWaiting(each) && isLost(each, now));
  for (let at = 0; at < lost.length; at += PORTION) {
    await forget(leader, lost.slice(at, at + PORTION));
  }
  return true;
}

/** Each under the condition that it is as it was: it may have been approved meanwhile. */
async function forget(leader: Leader, nodes: readonly CachedNode[]): Promise<void> {
  const writes = nodes.flatMap(forgetWrites);
  const compares = nodes.map(({ id, revision }) => ({ key: keys.node(id), modRevision: revision }));
  await commitNodes(leader, writes, compares);
  for (const { id } of nodes)
    leader.log.info(`Node ${id} waited without a sign of life: forgotten`);
}

function isWaiting({ node }: CachedNode): boolean {
  return node.fsmState === NodeState.NEW;
}

function isLost(node: CachedNode, now: number): boolean {
  return now - seenMs(node) > WAITING_MS;
}

function seenMs({ node: { registration } }: CachedNode): number {
  return milliseconds(registration?.seen ?? registration?.time);
}

/** Whether a sign of life is so recent that another one need not be written. */
export function isRecent(seen: Timestamp | undefined): boolean {
  return Math.abs(Date.now() - milliseconds(seen)) < SEEN_MS;
}

/** Milliseconds since 1970; 0 for a time that was never noted. */
export function milliseconds(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}

function addressOf({ node }: CachedNode): string {
  return node.registration?.address ?? "";
}

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}
