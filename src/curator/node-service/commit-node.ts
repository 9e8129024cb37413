// Curator.CommitNode: makes an approved machine a member of the cluster.
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  CommitNodeRequest,
  Curator,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Node } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState, NodeStorageSecurity } from "../../gen/metropolis/proto/common/common_pb.ts";
import { provenKey } from "../state/callers.ts";
import { emitNode } from "../state/cluster-pki.ts";
import { loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode } from "../state/nodes.ts";
import { acceptsSecurity } from "../state/policy.ts";
import { presentTicket } from "../state/register-ticket.ts";
import { isRecent } from "../state/waiting.ts";

const UNLOCK_KEY_BYTES = 32;

/** Moves a node from STANDBY to UP, and gives it its certificate. */
export function commitNode(leader: Leader): Handler<typeof Curator.method.commitNode> {
  return async (request, call) => {
    const publicKey = provenKey(call);
    await checkSecurity(leader, request.storageSecurity);
    const id = nodeId(publicKey);
    await noteAlive(leader, id);
    // The cheap answer for a node that asks every second whether it was approved.
    requireCommittable(findNode(leader, id).node, request);
    checkUnlockKey(request);

    const { unlockKeyGeneration } = await leader.recovery.current();
    const ca = await leader.ca();
    let certificate = new Uint8Array();
    await changeNode(leader, id, async (node) => {
      requireCommittable(node, request);
      const emitted = await emitNode(leader.store, ca, publicKey);
      certificate = new Uint8Array(emitted.certificate);
      return { fields: { ...committed(request), unlockKeyGeneration }, ...emitted };
    });
    return { caCertificate: ca.certificate, nodeCertificate: certificate };
  };
}

/**
 * That a machine asks whether it was approved is a sign of life. It is written now and then, and
 * not for a node of an old ticket: that one changes nothing in the cluster any more.
 */
async function noteAlive(leader: Leader, id: string): Promise<void> {
  const { fsmState, registration } = findNode(leader, id).node;
  if (fsmState !== NodeState.NEW || isRecent(registration?.seen)) return;
  const { digest } = await presentTicket(leader.store);
  await changeNode(leader, id, ({ registration }) => {
    if (registration === undefined || isRecent(registration.seen)) return {};
    if (Buffer.compare(registration.ticketDigest, digest) !== 0) return {};
    return { fields: { registration: { ...registration, seen: timestampNow() } } };
  });
}

async function checkSecurity({ store }: Leader, security: NodeStorageSecurity): Promise<void> {
  if (security === NodeStorageSecurity.INVALID || NodeStorageSecurity[security] === undefined) {
    throw new RpcError(Code.invalidArgument, "storage_security must be set");
  }
  const { storageSecurityPolicy } = await loadConfiguration(store);
  if (acceptsSecurity(storageSecurityPolicy, security)) return;
  throw new RpcError(
    Code.failedPrecondition,
    `the cluster's policy does not accept storage security ${NodeStorageSecurity[security]}`,
  );
}

function requireCommittable(node: Readonly<Node>, request: CommitNodeRequest): void {
  switch (node.fsmState) {
    case NodeState.STANDBY:
      return;
    case NodeState.NEW:
      throw new RpcError(Code.permissionDenied, "node is not approved yet");
    case NodeState.UP:
      if (isRepeated(node, request)) return;
      throw new RpcError(Code.failedPrecondition, "node is UP already, with another unlock key");
    default:
      throw new RpcError(
        Code.failedPrecondition,
        `node in state ${NodeState[node.fsmState]} cannot be committed`,
      );
  }
}

/** A node whose answer was lost asks again; it proves itself by the key that it chose. */
function isRepeated(node: Readonly<Node>, request: CommitNodeRequest): boolean {
  return (
    node.storageSecurity === request.storageSecurity &&
    constantTimeEqual(node.clusterUnlockKey, request.clusterUnlockKey)
  );
}

function checkUnlockKey({ clusterUnlockKey, storageSecurity }: CommitNodeRequest): void {
  const wanted = storageSecurity === NodeStorageSecurity.INSECURE ? 0 : UNLOCK_KEY_BYTES;
  if (clusterUnlockKey.length === wanted) return;
  throw new RpcError(Code.invalidArgument, `cluster_unlock_key must be ${wanted} bytes long`);
}

function committed({ clusterUnlockKey, storageSecurity }: CommitNodeRequest) {
  return { fsmState: NodeState.UP, clusterUnlockKey, storageSecurity };
}
