// Management.DeleteNode: makes the cluster forget a node.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type {
  DeleteNodeRequest,
  Management,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { requireDispensable } from "../consensus/quorum.ts";
import { revoke } from "../consensus/revocations.ts";
import { withoutHolder } from "../recovery/unlock-keys.ts";
import { keys } from "../state/keys.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode, namedId } from "../state/nodes.ts";
import { rotateTicket } from "../state/register-ticket.ts";

/** Removes everything that is stored about a node. */
export function deleteNode(leader: Leader): Handler<typeof Management.method.deleteNode> {
  return async (request) => {
    const id = namedId(request.node);
    await leader.consensusLock.hold(async () => {
      const { node: present } = findNode(leader, id);
      requireDeletable(present, request);
      // The flags say what is intended; that the cluster shall never decide anything again is not.
      await requireDispensable(leader, id);
      // It is in etcd, too.
      if (present.heldConsensus) await leader.ticketLock.hold(() => rotateTicket(leader.store));
      await revoke(leader, present.consensusSerials, (revoked) =>
        withoutHolder(leader, present, ({ writes, compares }) =>
          changeNode(leader, id, (node) => {
            requireDeletable(node, request);
            const all = [keys.node(id), keys.joinKey(node.joinKey), keys.certificate(`node-${id}`)];
            return {
              writes: [...revoked.writes, ...writes, ...all.map((key) => ({ delete: key }))],
              compares: [...revoked.compares, ...compares],
            };
          }),
        ),
      );
    });
    leader.heartbeats.forget(id);
    leader.addressMoves.forget(id);
    leader.joinRefusals.delete(id);
    leader.log.info(`Node ${id} was deleted`);
    return {};
  };
}

function requireDeletable(node: Readonly<Node>, request: DeleteNodeRequest): void {
  const { kubernetesWorker, consensusMember, kubernetesController } = node.roles ?? {};
  const hasRoles = [kubernetesWorker, consensusMember, kubernetesController].some(
    (role) => role !== undefined,
  );
  if (hasRoles && request.safetyBypassHasRoles === undefined) {
    throw new RpcError(Code.failedPrecondition, "node still has roles");
  }
  const isUp = node.fsmState === NodeState.UP;
  if (isUp && request.safetyBypassNotDecommissioned === undefined) {
    throw new RpcError(Code.failedPrecondition, "node is still UP, it was not decommissioned");
  }
}
