// Curator.RegisterNode: puts a machine that asks for admission on the list.
import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { nodeId } from "../../base/pki/node-id.ts";
import { type Call, Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  Curator,
  RegisterNodeRequest,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type Node,
  Node_RegistrationSchema,
  NodeSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  NodeLabelsSchema,
  NodeState,
  type NodeTPMUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { provenKey } from "../state/callers.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { keys } from "../state/keys.ts";
import { admissibleLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import { commitNodes, nodeWrite, requireKey } from "../state/nodes.ts";
import { recommendedSecurity, tpmUsage } from "../state/policy.ts";
import { isRegisterTicket } from "../state/register-ticket.ts";

/** Makes a NEW node, or finds that it made it before. */
export function registerNode(leader: Leader): Handler<typeof Curator.method.registerNode> {
  return async (request, call) => {
    const publicKey = provenKey(call);
    const id = nodeId(publicKey);
    requireKey(request.joinKey, "join_key");
    const isKnown = hasRegistered(leader.nodes.get(id)?.node, request.joinKey);
    if (!isKnown && !(await isRegisterTicket(leader.store, request.registerTicket))) {
      throw new RpcError(Code.permissionDenied, "wrong register ticket");
    }
    const clusterConfiguration = await loadConfiguration(leader.store);
    const usage = tpmUsage(clusterConfiguration.tpmMode, request.haveLocalTpm);
    if (usage === undefined) {
      throw new RpcError(Code.permissionDenied, "the cluster demands a TPM");
    }
    await leader.nodeLocks.hold(id, () => ensureNode(leader, publicKey, request, usage, call));
    // The same answer for a repeated call: the first one may have been lost.
    return {
      clusterConfiguration,
      tpmUsage: usage,
      recommendedNodeStorageSecurity: recommendedSecurity(
        clusterConfiguration.storageSecurityPolicy,
      ),
    };
  };
}

async function ensureNode(
  leader: Leader,
  publicKey: Uint8Array,
  { joinKey, labels, hardware }: RegisterNodeRequest,
  usage: NodeTPMUsage,
  { remoteAddress: address }: Call,
): Promise<void> {
  const id = nodeId(publicKey);
  const before = leader.nodes.get(id);
  if (before !== undefined && hasPassed(before.node, joinKey)) return;
  const asked = create(NodeLabelsSchema, { pairs: admissibleLabels(labels?.pairs ?? []) });
  const node = {
    ...(before?.node ?? create(NodeSchema)),
    id,
    publicKey,
    joinKey,
    fsmState: before?.node.fsmState ?? NodeState.NEW,
    tpmUsage: usage,
    labels: before?.node.labels ?? asked,
    registration: create(Node_RegistrationSchema, {
      address,
      ...(hardware && { hardware }),
      time: before?.node.registration?.time ?? timestampNow(),
    }),
  };
  await commitNodes(
    leader,
    // A machine that started over has a new join key, and its old one no use.
    [...oldJoinKey(before?.node.joinKey, joinKey), nodeWrite(node), joinKeyWrite(joinKey, id)],
    [
      { key: keys.node(id), modRevision: before?.revision ?? 0n },
      await freeJoinKey(leader, joinKey, id),
    ],
  );
  if (before === undefined) leader.log.info(`Node ${id} has registered and waits for approval`);
}

/** A ticket that is rotated does not touch those that have used it: they have proved their key. */
function hasRegistered(before: Readonly<Node> | undefined, joinKey: Uint8Array): boolean {
  return before !== undefined && Buffer.compare(before.joinKey, joinKey) === 0;
}

/** Whether nothing is left to do: an answer was lost, or the node was rebooted while it waits. */
function hasPassed({ fsmState, joinKey: present }: Readonly<Node>, joinKey: Uint8Array): boolean {
  const isSame = Buffer.compare(present, joinKey) === 0;
  if (fsmState === NodeState.NEW) return false;
  if ((fsmState === NodeState.STANDBY || fsmState === NodeState.UP) && isSame) return true;
  if (fsmState === NodeState.STANDBY) return false;
  throw new RpcError(
    Code.failedPrecondition,
    `node is in state ${NodeState[fsmState]} already; delete it before it registers anew`,
  );
}

function oldJoinKey(old: Uint8Array | undefined, present: Uint8Array) {
  if (old === undefined || Buffer.compare(old, present) === 0) return [];
  return [{ delete: keys.joinKey(old) }];
}

function joinKeyWrite(joinKey: Uint8Array, id: string) {
  return { put: keys.joinKey(joinKey), value: new TextEncoder().encode(id) };
}

/** The condition that no other node has this join key. */
async function freeJoinKey({ store }: Leader, joinKey: Uint8Array, id: string) {
  const key = keys.joinKey(joinKey);
  const holder = await store.get(key);
  if (holder !== undefined && new TextDecoder().decode(holder.value) !== id) {
    throw new RpcError(Code.invalidArgument, "join_key belongs to another node");
  }
  return { key, modRevision: holder?.modRevision ?? 0n };
}
