// CuratorBootstrap.Bootstrap: makes a cluster, in one transaction, so that a
// power cut leaves all of it or nothing.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Compare, Write } from "../../base/etcd/etcd.ts";
import { type Issuer, issueCa } from "../../base/pki/certificate.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  BootstrapRequest,
  CuratorBootstrap,
} from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import {
  ConsensusRevocationsSchema,
  InitialOwnerSchema,
  type Node,
  NodeSchema,
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  NodeLabelsSchema,
  NodeRolesSchema,
  NodeState,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { caWrites, emitNode } from "../state/cluster-pki.ts";
import { configurationWrite, withDefaults } from "../state/configuration.ts";
import { keys } from "../state/keys.ts";
import { admissibleLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import type { CachedNode } from "../state/node-cache.ts";
import { commitNodes, nodeWrite } from "../state/nodes.ts";
import { OWNER } from "../state/owner.ts";
import { checkBootstrap } from "./check-bootstrap.ts";

/** Makes the cluster, or finds that it made it before; `leader` waits for the election. */
export function bootstrap(
  leader: (signal: AbortSignal) => Promise<Leader>,
): Handler<typeof CuratorBootstrap.method.bootstrap> {
  return async (request, { signal }) => {
    const leading = await leader(signal);
    checkBootstrap(request, leading.self);
    return leading.nodeLocks.hold(leading.self, async () => {
      const existing = await leading.store.get(keys.initialOwner);
      if (request.restored) return restore(leading, request, existing?.value);
      if (existing === undefined) return make(leading, request);
      return repeat(leading, request, fromBinary(InitialOwnerSchema, existing.value).publicKey);
    });
  };
}

async function make(leader: Leader, request: BootstrapRequest) {
  const keyPair = generateKeyPair();
  const ca: Issuer = { keyPair, certificate: await issueCa(keyPair) };
  const node = await emitNode(leader.store, ca, request.nodePublicKey);
  await commitNodes(
    leader,
    [...clusterWrites(request), ...caWrites(ca), ...node.writes],
    [absent(keys.initialOwner), absent(keys.node(leader.self)), ...node.compares],
  );
  leader.log.info(`Created the cluster, with ${leader.self} as its first node`);
  return { caCertificate: ca.certificate, nodeCertificate: node.certificate };
}

/**
 * Makes the asking node the only consensus member of the cluster that a backup was of. Its
 * other nodes stay known, but those that were members are no part of this consensus.
 */
async function restore(leader: Leader, request: BootstrapRequest, owner: Uint8Array | undefined) {
  if (owner === undefined)
    throw new RpcError(Code.failedPrecondition, "the backup holds no cluster");
  const ca = await leader.ca();
  const node = await emitNode(leader.store, ca, request.nodePublicKey);
  const others = leader.nodes.list().filter(({ id }) => id !== leader.self);
  const recovery = firstRecovery(request, await leader.recovery.current());
  await commitNodes(
    leader,
    [
      nodeWrite(firstNode(leader.self, request, recovery)),
      joinKeyWrite(leader.self, request),
      ...others.filter(isMember).map(({ node: each }) => nodeWrite(withoutConsensus(each))),
      ...restoredOwner(owner, request),
      ...node.writes,
    ],
    node.compares,
  );
  await leader.recovery.change(() => recovery);
  // They were of the CA of a consensus that is gone.
  await leader.revocations.change(() => create(ConsensusRevocationsSchema));
  leader.log.info(`Restored the cluster, with ${leader.self} as its only consensus member`);
  return { caCertificate: ca.certificate, nodeCertificate: node.certificate };
}

function isMember({ node }: CachedNode): boolean {
  return node.roles?.consensusMember !== undefined || node.consensusSerials.length > 0;
}

function withoutConsensus(node: Readonly<Node>): Readonly<Node> {
  const { kubernetesWorker } = node.roles ?? {};
  const roles = create(NodeRolesSchema, { ...(kubernetesWorker && { kubernetesWorker }) });
  return { ...node, roles, consensusSerials: [] };
}

/**
 * The cluster belongs to whoever wrote the medium: the backup's owner may have been replaced
 * since, because his key was with others. Its secret may be lost, too.
 */
function restoredOwner(before: Uint8Array, request: BootstrapRequest): Write[] {
  const { ownerPublicKey: publicKey, ownershipSecret } = request;
  if (ownershipSecret.length === 0) return [];
  const present = fromBinary(InitialOwnerSchema, before);
  const value = toBinary(InitialOwnerSchema, { ...present, publicKey, ownershipSecret });
  const isSame = constantTimeEqual(present.publicKey, publicKey);
  const certificate = isSame ? [] : [{ delete: keys.certificate(OWNER) }];
  return [{ put: keys.initialOwner, value }, ...certificate];
}

function joinKeyWrite(id: string, { joinPublicKey }: BootstrapRequest): Write {
  return { put: keys.joinKey(joinPublicKey), value: new TextEncoder().encode(id) };
}

/** The node made the key itself: its one share is on its disk, and nowhere else. */
function firstRecovery(request: BootstrapRequest, before: Readonly<Recovery>): Recovery {
  const epoch = (before.epochs.at(-1)?.epoch ?? 0n) + 1n;
  const members = [{ nodeId: nodeId(request.nodePublicKey), isStored: true }];
  const first = { epoch, threshold: 1, publicKey: request.recoveryPublicKey, members };
  // Others of a backup's nodes may have had new keys since: each gets another one anyway.
  const unlockKeyGeneration = before.unlockKeyGeneration + 1n;
  const operatorPublicKey = before.operatorPublicKey.length
    ? before.operatorPublicKey
    : request.operatorRecoveryKey;
  return create(RecoverySchema, { operatorPublicKey, epochs: [first], unlockKeyGeneration });
}

/** The answer was lost, or power before it was kept: the same keys get it again. */
async function repeat(leader: Leader, request: BootstrapRequest, owner: Uint8Array) {
  const node = leader.nodes.get(leader.self)?.node;
  const isSame =
    node !== undefined &&
    constantTimeEqual(owner, request.ownerPublicKey) &&
    constantTimeEqual(node.publicKey, request.nodePublicKey) &&
    constantTimeEqual(node.joinKey, request.joinPublicKey) &&
    constantTimeEqual(node.clusterUnlockKey, request.clusterUnlockKey);
  if (!isSame) {
    throw new RpcError(Code.failedPrecondition, "there is a cluster already, of other keys");
  }
  const ca = await leader.ca();
  const { certificate, writes, compares } = await emitNode(leader.store, ca, node.publicKey);
  if (writes.length > 0) await leader.store.commit(writes, compares);
  return { caCertificate: ca.certificate, nodeCertificate: certificate };
}

function clusterWrites(request: BootstrapRequest): Write[] {
  const id = nodeId(request.nodePublicKey);
  const owner = create(InitialOwnerSchema, {
    publicKey: request.ownerPublicKey,
    ownershipSecret: request.ownershipSecret,
  });
  const recovery = firstRecovery(request, create(RecoverySchema));
  return [
    nodeWrite(firstNode(id, request, recovery)),
    joinKeyWrite(id, request),
    { put: keys.initialOwner, value: toBinary(InitialOwnerSchema, owner) },
    ...(request.recoveryPublicKey.length > 0
      ? [{ put: keys.recovery, value: toBinary(RecoverySchema, recovery) }]
      : []),
    configurationWrite(withDefaults(request.initialClusterConfiguration)),
  ];
}

/** The first node skips the stations of others: it is UP, and carries the cluster. */
function firstNode(id: string, request: BootstrapRequest, { unlockKeyGeneration }: Recovery) {
  return create(NodeSchema, {
    id,
    publicKey: request.nodePublicKey,
    joinKey: request.joinPublicKey,
    clusterUnlockKey: request.clusterUnlockKey,
    fsmState: NodeState.UP,
    roles: create(NodeRolesSchema, { consensusMember: {}, kubernetesController: {} }),
    tpmUsage: request.tpmUsage,
    storageSecurity: request.storageSecurity,
    labels: create(NodeLabelsSchema, { pairs: admissibleLabels(request.labels?.pairs ?? []) }),
    consensusSerials: request.consensusSerials,
    sharePublicKey: request.sharePublicKey,
    heldConsensus: true,
    unlockKeyGeneration,
  });
}

function absent(key: string): Compare {
  return { key, version: 0n };
}
