// Curator.RegisterNode: puts a machine that asks for admission on the list.
import { create } from "@bufbuild/protobuf";
import { nodeId } from "../../base/pki/node-id.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  Curator,
  RegisterNodeRequest,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
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
    if (!(await isRegisterTicket(leader.store, request.registerTicket))) {
      throw new RpcError(Code.permissionDenied, "wrong register ticket");
    }
    const clusterConfiguration = await loadConfiguration(leader.store);
    const usage = tpmUsage(clusterConfiguration.tpmMode, request.haveLocalTpm);
    if (usage === undefined) {
      throw new RpcError(Code.permissionDenied, "the cluster demands a TPM");
    }
    await leader.nodeLocks.hold(id, () => ensureNode(leader, publicKey, request, usage));
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
  { joinKey, labels }: RegisterNodeRequest,
  usage: NodeTPMUsage,
): Promise<void> {
  const id = nodeId(publicKey);
  const before = leader.nodes.get(id);
  if (before !== undefined && before.node.fsmState !== NodeState.NEW) {
    throw new RpcError(
      Code.failedPrecondition,
      `node is in state ${NodeState[before.node.fsmState]} already`,
    );
  }
  const asked = create(NodeLabelsSchema, { pairs: admissibleLabels(labels?.pairs ?? []) });
  const node = {
    ...(before?.node ?? create(NodeSchema)),
    id,
    publicKey,
    joinKey,
    fsmState: NodeState.NEW,
    tpmUsage: usage,
    labels: before?.node.labels ?? asked,
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
