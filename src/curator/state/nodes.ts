// Finding and changing nodes, for handlers.
import { create, equals, toBinary } from "@bufbuild/protobuf";
import type { Compare, Write } from "../../base/etcd/etcd.ts";
import { nodeId, PUBLIC_KEY_BYTES } from "../../base/pki/node-id.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  type Node,
  NodeSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { keys } from "./keys.ts";
import type { Leader } from "./leader.ts";
import type { CachedNode } from "./node-cache.ts";

/** How long a change may take from etcd to our own cache. */
const READABLE_MS = 5_000;

/** How a request names a node. */
export type NodeName =
  | { readonly case: "pubkey"; readonly value: Uint8Array }
  | { readonly case: "id"; readonly value: string }
  | { readonly case: undefined };

/** The ID of the node that a request names; throws invalidArgument if it names none. */
export function namedId(name: NodeName): string {
  switch (name.case) {
    case "pubkey":
      return nodeId(requireKey(name.value, "pubkey"));
    case "id":
      if (name.value !== "") return name.value;
      break;
    default:
  }
  throw new RpcError(Code.invalidArgument, "either pubkey or id must be set");
}

/** Gives back an Ed25519 public key; throws invalidArgument if it is none. */
export function requireKey(key: Uint8Array, field: string): Uint8Array {
  if (key.length === PUBLIC_KEY_BYTES) return key;
  throw new RpcError(Code.invalidArgument, `${field} must be ${PUBLIC_KEY_BYTES} bytes long`);
}

/** The node with an ID; throws notFound. */
export function findNode({ nodes }: Leader, id: string): CachedNode {
  const found = nodes.get(id);
  if (found === undefined) throw new RpcError(Code.notFound, `no node ${id}`);
  return found;
}

/** What a node becomes, and what else has to be written with it. */
export interface NodeChange {
  /** Fields that change. None, and no writes: nothing is written. */
  readonly fields?: Partial<Node>;
  readonly writes?: readonly Write[];
  readonly compares?: readonly Compare[];
}

/**
 * Changes one node as `decide` wants, and returns when the change can be read.
 * Nobody else changes it meanwhile. Throws notFound where there is none.
 */
export async function changeNode(
  leader: Leader,
  id: string,
  decide: (node: Readonly<Node>) => Promise<NodeChange> | NodeChange,
): Promise<void> {
  await leader.nodeLocks.hold(id, async () => {
    const { node, revision } = findNode(leader, id);
    const { fields, writes = [], compares = [] } = await decide(node);
    if (fields === undefined && writes.length === 0) return;
    // Who says again what is known already costs nobody a write.
    if (writes.length === 0 && equals(NodeSchema, node, { ...node, ...fields })) return;
    const changed = fields === undefined ? [] : [nodeWrite({ ...node, ...fields })];
    await commitNodes(
      leader,
      [...changed, ...writes],
      [{ key: keys.node(id), modRevision: revision }, ...compares],
    );
    logState(leader, id, node.fsmState, fields?.fsmState);
  });
}

function logState({ log }: Leader, id: string, before: NodeState, after = before): void {
  if (after !== before) log.info(`Node ${id}: ${NodeState[before]} => ${NodeState[after]}`);
}

/** Writes, and returns when nodes among it can be read. Only under the locks of those nodes. */
export async function commitNodes(
  { store, nodes }: Leader,
  writes: readonly Write[],
  compares: readonly Compare[],
): Promise<void> {
  const revision = await store.commit(writes, compares);
  const ofNodes = writes.filter((write) => keyOf(write).startsWith(keys.nodes));
  for (const write of ofNodes) {
    if ("put" in write) nodes.take({ key: write.put, value: write.value, modRevision: revision });
  }
  // Of nodes that are gone the watch has to tell: it may still bring older news of them.
  if (ofNodes.every((write) => "put" in write)) return;
  try {
    await nodes.reached(revision, AbortSignal.timeout(READABLE_MS));
  } catch (cause) {
    throw new RpcError(Code.unavailable, "the change is written, but not yet read", { cause });
  }
}

function keyOf(write: Write): string {
  if ("put" in write) return write.put;
  return "delete" in write ? write.delete : write.deletePrefix;
}

/** The write that saves a node. */
export function nodeWrite(node: Readonly<Node>): Write {
  return { put: keys.node(node.id), value: toBinary(NodeSchema, create(NodeSchema, node)) };
}
