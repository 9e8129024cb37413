// Curator.Watch: lets nodes follow each other, from the cache. No watch of a
// node costs etcd anything, and none holds up another.
import { Code, type Handler, type ResponseInit, RpcError } from "../../base/rpc/rpc.ts";
import {
  type Curator,
  WatchEvent_Progress as Progress,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode, NodeChanges } from "../state/node-cache.ts";

type Event = ResponseInit<typeof Curator.method.watch>;

/** Nodes in one message: a thousand are well below the size that clients accept. */
const CHUNK = 1_000;

/** Tells what there is, then what changes. */
export function watch(leader: Leader): Handler<typeof Curator.method.watch> {
  return async function* ({ kind }, { signal }) {
    // A leader who was replaced without noticing must not tell old news as new.
    await leader.store.confirm();
    switch (kind.case) {
      case "nodeInCluster":
        yield* watchOne(leader, kind.value.nodeId, signal);
        break;
      case "nodesInCluster":
        yield* watchAll(leader, signal);
        break;
      default:
        throw new RpcError(Code.unimplemented, "kind must be set");
    }
  };
}

async function* watchOne(
  { nodes }: Leader,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Event> {
  for await (const changes of nodes.watch(id, signal)) yield event(changes);
}

async function* watchAll({ nodes, owner }: Leader, signal: AbortSignal): AsyncGenerator<Event> {
  let isBacklog = true;
  let told: Uint8Array | undefined;
  for await (const changes of nodes.watch(undefined, signal)) {
    const chunks = split(changes);
    const last = chunks.pop() ?? { nodes: [], gone: [] };
    for (const chunk of chunks) yield event(chunk);
    const key = owner.current === told ? undefined : owner.current;
    yield {
      ...event(last),
      ...(isBacklog && { progress: Progress.LAST_BACKLOGGED }),
      ...(key && { ownerPublicKey: key }),
    };
    told = owner.current;
    isBacklog = false;
  }
}

function split({ nodes, gone }: NodeChanges): NodeChanges[] {
  const chunks: NodeChanges[] = [];
  for (let i = 0; i < nodes.length; i += CHUNK) {
    chunks.push({ nodes: nodes.slice(i, i + CHUNK), gone: [] });
  }
  if (gone.length > 0) chunks.push({ nodes: [], gone });
  return chunks;
}

function event({ nodes, gone }: NodeChanges): Event {
  return { nodes: nodes.map(seenNode), nodeTombstones: gone.map((nodeId) => ({ nodeId })) };
}

/** A node as other nodes see it; roles are always set. */
function seenNode({ id, node }: CachedNode) {
  const { roles, status, clusternet, labels, podRanges } = node;
  return {
    id,
    state: node.fsmState,
    roles: roles ?? {},
    labels: labels ?? {},
    podRanges,
    isUnlockKeyDue: node.nextClusterUnlockKey.length > 0,
    ...(status && { status }),
    ...(clusternet && { clusternet }),
  };
}
