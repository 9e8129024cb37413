// Management.UpdateNodeRoles: changes what a node is used for.
import { clone, create } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  Management,
  UpdateNodeRolesRequest,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { type NodeRoles, NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, namedId } from "../state/nodes.ts";

/** Gives and takes roles, all that are asked for or none. */
export function updateNodeRoles(leader: Leader): Handler<typeof Management.method.updateNodeRoles> {
  return async (request) => {
    const id = namedId(request.node);
    await changeNode(leader, id, ({ roles }) => ({
      fields: { roles: changedRoles(roles, request) },
    }));
    leader.log.info(`Node ${id} has new roles`);
    return {};
  };
}

function changedRoles(before: NodeRoles | undefined, request: UpdateNodeRolesRequest): NodeRoles {
  const roles = clone(NodeRolesSchema, before ?? create(NodeRolesSchema));
  const { consensusMember, kubernetesController, kubernetesWorker } = request;
  // Consensus first: the controller's rule looks at what it will be.
  if (consensusMember !== undefined) requireConsensus(roles, request);
  if (kubernetesController === true && roles.consensusMember === undefined) {
    throw refused("a Kubernetes controller must be a consensus member");
  }
  if (kubernetesController !== undefined) mark(roles, "kubernetesController", kubernetesController);
  if (kubernetesWorker !== undefined) mark(roles, "kubernetesWorker", kubernetesWorker);
  return roles;
}

/** Checks a wish for the consensus role. Members come and go with etcd, which is not done here yet. */
function requireConsensus(roles: NodeRoles, request: UpdateNodeRolesRequest): void {
  const isMember = roles.consensusMember !== undefined;
  if (request.consensusMember === isMember) return;
  if (request.consensusMember) {
    throw new RpcError(Code.unimplemented, "consensus members cannot be added yet");
  }
  const staysController = request.kubernetesController ?? roles.kubernetesController !== undefined;
  if (staysController) throw refused("a Kubernetes controller must stay a consensus member");
  throw refused("the last consensus member cannot be removed");
}

/** Sets a role that is nothing but a mark, or clears it. */
function mark(
  roles: NodeRoles,
  role: "kubernetesController" | "kubernetesWorker",
  isHeld: boolean,
): void {
  const marked = create(NodeRolesSchema, { [role]: {} });
  if (!isHeld) delete roles[role];
  else if (roles[role] === undefined) Object.assign(roles, { [role]: marked[role] });
}

function refused(reason: string): RpcError {
  return new RpcError(Code.failedPrecondition, reason);
}
