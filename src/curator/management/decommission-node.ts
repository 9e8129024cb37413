// Management.DecommissionNode: takes a node out of service in good order.
//
//   UP ──► UP, decommissioning, no roles ── left consensus ──► DECOMMISSIONED
//
// What is decided is in the node's record, so whoever leads goes on with it when the
// caller, or this leader, is gone.
import { create } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeRolesSchema, NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { requireDispensable } from "../consensus/quorum.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode, namedId } from "../state/nodes.ts";

/** Takes all roles away, and returns when the node is DECOMMISSIONED. */
export function decommissionNode(
  leader: Leader,
): Handler<typeof Management.method.decommissionNode> {
  return async (request, { signal }) => {
    const id = namedId(request.node);
    await leader.consensusLock.hold(() => begin(leader, id));
    await finished(leader, id, signal);
    return {};
  };
}

async function begin(leader: Leader, id: string): Promise<void> {
  const { fsmState, decommissioning } = findNode(leader, id).node;
  if (fsmState === NodeState.DECOMMISSIONED || decommissioning) return;
  if (fsmState !== NodeState.UP) {
    throw new RpcError(
      Code.failedPrecondition,
      `node in state ${NodeState[fsmState]} was never UP: delete it instead`,
    );
  }
  await requireDispensable(leader, id);
  await changeNode(leader, id, () => ({
    fields: { decommissioning: true, roles: create(NodeRolesSchema) },
  }));
  leader.log.info(`Node ${id} is being decommissioned`);
}

async function finished({ nodes }: Leader, id: string, signal: AbortSignal): Promise<void> {
  for await (const changes of nodes.watch(id, signal)) {
    if (changes.gone.includes(id)) throw new RpcError(Code.notFound, `no node ${id}`);
    if (changes.nodes.some(({ node }) => node.fsmState === NodeState.DECOMMISSIONED)) return;
  }
}
