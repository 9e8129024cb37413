// Management.UpdateNodeRoles: changes what a node is used for.
import { clone, create } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type {
  Management,
  UpdateNodeRolesRequest,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  type NodeRoles,
  NodeRolesSchema,
  NodeState,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { requireDispensable } from "../consensus/quorum.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode, namedId } from "../state/nodes.ts";
import { freePodRanges } from "../state/pod-ranges.ts";

type Wishes = Pick<
  UpdateNodeRolesRequest,
  "consensusMember" | "kubernetesController" | "kubernetesWorker"
>;

/** Gives and takes roles, all that are asked for or none. */
export function updateNodeRoles(leader: Leader): Handler<typeof Management.method.updateNodeRoles> {
  return async (request) => {
    const id = namedId(request.node);
    await leader.consensusLock.hold(() => change(leader, id, request));
    leader.log.info(`Node ${id} has new roles`);
    return {};
  };
}

async function change(leader: Leader, id: string, request: UpdateNodeRolesRequest): Promise<void> {
  const isMember = findNode(leader, id).node.roles?.consensusMember !== undefined;
  const changed = (node: Readonly<Node>) => {
    requireService(node, request);
    return { fields: { roles: changedRoles(node.roles, request) } };
  };
  // Rules first: their reasons are the clearer ones.
  changed(findNode(leader, id).node);
  if (isMember && request.consensusMember === false) await requireDispensable(leader, id);
  await leader.meshLock.hold(() =>
    changeNode(leader, id, async (node) => {
      const { fields } = changed(node);
      const isNewWorker =
        fields.roles.kubernetesWorker !== undefined && node.podRanges.length === 0;
      if (!isNewWorker) return { fields };
      return { fields: { ...fields, podRanges: [...(await freePodRanges(leader))] } };
    }),
  );
}

/** A node that is leaving, or has left, takes no roles. */
function requireService({ fsmState, decommissioning }: Readonly<Node>, request: Wishes): void {
  const isAsked = [request.consensusMember, request.kubernetesController, request.kubernetesWorker];
  if (!isAsked.includes(true)) return;
  if (fsmState === NodeState.UP && !decommissioning) return;
  const state = decommissioning ? "being decommissioned" : `in state ${NodeState[fsmState]}`;
  throw refused(`node is ${state}: only nodes that are UP take roles`);
}

function changedRoles(before: NodeRoles | undefined, request: UpdateNodeRolesRequest): NodeRoles {
  const roles = clone(NodeRolesSchema, before ?? create(NodeRolesSchema));
  const { consensusMember, kubernetesController, kubernetesWorker } = request;
  // Consensus first: the controller's rule looks at what it will be.
  if (consensusMember === false) requireNoController(roles, request);
  if (consensusMember !== undefined) mark(roles, "consensusMember", consensusMember);
  if (kubernetesController === true && roles.consensusMember === undefined) {
    throw refused("a Kubernetes controller must be a consensus member");
  }
  if (kubernetesController !== undefined) mark(roles, "kubernetesController", kubernetesController);
  if (kubernetesWorker !== undefined) mark(roles, "kubernetesWorker", kubernetesWorker);
  return roles;
}

function requireNoController(roles: NodeRoles, request: Wishes): void {
  const staysController = request.kubernetesController ?? roles.kubernetesController !== undefined;
  if (staysController) throw refused("a Kubernetes controller must stay a consensus member");
}

/** Sets a role that is nothing but a mark, or clears it. */
function mark(roles: NodeRoles, role: keyof Wishes, isHeld: boolean): void {
  const marked = create(NodeRolesSchema, { [role]: {} });
  if (!isHeld) delete roles[role];
  else if (roles[role] === undefined) Object.assign(roles, { [role]: marked[role] });
}

function refused(reason: string): RpcError {
  return new RpcError(Code.failedPrecondition, reason);
}
