// Curator.RegisterNode: puts a machine that asks for admission on the list.
import { create, equals } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { nodeId } from "../../base/pki/node-id.ts";
import { type Call, Code, type Handler, originOf, RpcError } from "../../base/rpc/rpc.ts";
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
  type Hardware,
  HardwareSchema,
  NodeLabelsSchema,
  NodeState,
  type NodeTPMUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { provenKey } from "../state/callers.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { keys } from "../state/keys.ts";
import { admissibleLabels } from "../state/labels.ts";
import type { Leader } from "../state/leader.ts";
import { ASKED_LABEL_BYTES, HARDWARE_LENGTH } from "../state/limits.ts";
import { commitNodes, nodeWrite, requireKey } from "../state/nodes.ts";
import { recommendedSecurity, tpmUsage } from "../state/policy.ts";
import { presentTicket } from "../state/register-ticket.ts";
import { forgetWrites, isRecent, nodeToEvict } from "../state/waiting.ts";

/** Makes a NEW node, or finds that it made it before. */
export function registerNode(leader: Leader): Handler<typeof Curator.method.registerNode> {
  return async (request, call) => {
    const publicKey = provenKey(call);
    const id = nodeId(publicKey);
    requireKey(request.joinKey, "join_key");
    const ticket = await presentTicket(leader.store);
    const isAdmitted = ticket.isShown(request.registerTicket);
    const before = leader.nodes.get(id)?.node;
    if (!isAdmitted && !hasRegistered(before, request.joinKey)) {
      throw new RpcError(Code.permissionDenied, "wrong register ticket");
    }
    const clusterConfiguration = await loadConfiguration(leader.store);
    const usage = tpmUsage(clusterConfiguration.tpmMode, request.haveLocalTpm);
    if (usage === undefined) {
      throw new RpcError(Code.permissionDenied, "the cluster demands a TPM");
    }
    const machine = { publicKey, request, usage, ticketDigest: ticket.digest };
    // Without the ticket nothing is written any more; that a node has registered is still so.
    if (isAdmitted) await leader.nodeLocks.hold(id, () => ensureNode(leader, machine, call));
    else if (before !== undefined) hasPassed(before, request.joinKey);
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

/** A machine that shows the ticket. */
interface Machine {
  readonly publicKey: Uint8Array;
  readonly request: RegisterNodeRequest;
  readonly usage: NodeTPMUsage;
  readonly ticketDigest: Uint8Array;
}

async function ensureNode(
  leader: Leader,
  machine: Machine,
  { remoteAddress: address }: Call,
): Promise<void> {
  const id = nodeId(machine.publicKey);
  const { joinKey } = machine.request;
  const before = leader.nodes.get(id);
  if (before !== undefined && hasPassed(before.node, joinKey)) return;
  const node = registered(machine, address, before?.node);
  if (before !== undefined && isUnchanged(before.node, node)) return;
  requireRate(leader, address);
  // Calls at the same time may find the same room: so many more there may be.
  const givesWay = before === undefined && nodeToEvict(leader, address, machine.ticketDigest);
  const gone = givesWay ? [givesWay] : [];
  await commitNodes(
    leader,
    // A machine that started over has a new join key, and its old one no use.
    [
      ...gone.flatMap(forgetWrites),
      ...oldJoinKey(before?.node.joinKey, joinKey),
      nodeWrite(node),
      joinKeyWrite(joinKey, id),
    ],
    [
      ...gone.map((each) => ({ key: keys.node(each.id), modRevision: each.revision })),
      { key: keys.node(id), modRevision: before?.revision ?? 0n },
      await freeJoinKey(leader, joinKey, id),
    ],
  );
  if (before === undefined) leader.log.info(`Node ${id} has registered and waits for approval`);
}

/** What is kept of a machine: only what is looked at, and only so much of it. */
function registered(
  { publicKey, request, usage, ticketDigest }: Machine,
  address: string,
  before: Readonly<Node> | undefined,
): Node {
  const { joinKey, labels, hardware } = request;
  const asked = () =>
    create(NodeLabelsSchema, { pairs: admissibleLabels(labels?.pairs ?? [], ASKED_LABEL_BYTES) });
  return {
    ...(before ?? create(NodeSchema)),
    ...{ id: nodeId(publicKey), publicKey, joinKey, tpmUsage: usage },
    fsmState: before?.fsmState ?? NodeState.NEW,
    labels: before?.labels ?? asked(),
    registration: create(Node_RegistrationSchema, {
      address,
      ...(hardware && { hardware: admissibleHardware(hardware) }),
      time: before?.registration?.time ?? timestampNow(),
      ticketDigest,
      seen: timestampNow(),
    }),
  };
}

function admissibleHardware({ vendor, model, serial }: Hardware): Hardware {
  const cut = (text: string) =>
    text.slice(0, HARDWARE_LENGTH).toWellFormed().replaceAll(/\p{C}/gu, "");
  return create(HardwareSchema, { vendor: cut(vendor), model: cut(model), serial: cut(serial) });
}

/** Whether a node says what it said before, and its last sign of life is not long ago. */
function isUnchanged(before: Readonly<Node>, after: Node): boolean {
  const { registration } = after;
  const seen = before.registration?.seen;
  if (registration === undefined || !isRecent(seen)) return false;
  return equals(NodeSchema, before, { ...after, registration: { ...registration, seen } });
}

function requireRate({ registrations, allRegistrations }: Leader, address: string): void {
  if (registrations.take(originOf(address)) && allRegistrations.take("")) return;
  throw new RpcError(Code.resourceExhausted, `too many registrations from ${address}, try later`);
}

/** A ticket that is rotated strands nobody who has used it: they have proved their key. */
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
