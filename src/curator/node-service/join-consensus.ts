// Curator.JoinConsensus: lets a node with the role into etcd, as a learner, and
// certifies the keys that it made for that.
import type { Member } from "../../base/etcd/etcd.ts";
import { issueEtcdMember, validForever } from "../../base/pki/certificate.ts";
import { serialOf } from "../../base/pki/revocation-list.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { requireDispensable } from "../consensus/quorum.ts";
import { noteSerials, revocationList } from "../consensus/revocations.ts";
import { reportingNode } from "../state/callers.ts";
import { memberOn, nodeOf, peerUrl } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import { changeNode, findNode, requireKey } from "../state/nodes.ts";
import { isSilent, remedy } from "../state/troubles.ts";

/** Clients on the node dial the loopback address, and Go's check it. */
const LOOPBACK = ["127.0.0.1"];

/** The name that the curator proves to etcd. */
const CLIENT_NAME = "curator";

/** Makes the caller a member if it is none yet, and gives it certificates. */
export function joinConsensus(leader: Leader): Handler<typeof Curator.method.joinConsensus> {
  return async ({ memberPublicKey, clientPublicKey, sharePublicKey, isDamaged }, call) => {
    // Each of them is certified anew, and what it had before revoked.
    const { id } = reportingNode(leader, call);
    requireKey(memberPublicKey, "member_public_key");
    requireKey(clientPublicKey, "client_public_key");
    requireKey(sharePublicKey, "share_public_key");
    const ca = await leader.consensus.ca();
    // Without an end: members must find each other whatever their clocks say, also after years
    // in which all of them were off. What ends a certificate of etcd is the revocation list.
    const validity = validForever();
    const certificates = {
      memberCertificate: await issueEtcdMember(ca, memberPublicKey, id, LOOPBACK, validity),
      clientCertificate: await issueEtcdMember(ca, clientPublicKey, CLIENT_NAME, [], validity),
    };
    const members = await leader.consensusLock.hold(async () => {
      // Before it is a member: a member's share is made as soon as it is one.
      await changeNode(leader, id, (node) =>
        Buffer.compare(node.sharePublicKey, sharePublicKey) === 0
          ? {}
          : { fields: { sharePublicKey } },
      );
      const present = await noting(leader, id, async () => {
        if (isDamaged) await removeDamaged(leader, id);
        return ensureMember(leader, id);
      });
      await noteSerials(leader, id, Object.values(certificates).map(serialOf));
      return present;
    });
    return {
      caCertificate: ca.certificate,
      ...certificates,
      revocationList: await revocationList(leader, await leader.revocations.current()),
      peers: members.map((member) => ({
        name: nodeOf(member),
        url: member.peerUrls[0] ?? peerUrl(nodeOf(member)),
      })),
    };
  };
}

/** Keeps why the node has to wait, for those who look at it. */
async function noting<R>({ joinRefusals }: Leader, id: string, work: () => Promise<R>): Promise<R> {
  try {
    const result = await work();
    joinRefusals.delete(id);
    return result;
  } catch (error) {
    if (error instanceof RpcError) joinRefusals.set(id, error.message);
    throw error;
  }
}

/** A member that has lost its state must not come back as the same one: it may have voted. */
async function removeDamaged(leader: Leader, id: string): Promise<void> {
  const member = memberOn(await leader.consensus.list(), id);
  if (member === undefined) return;
  if (id === leader.self) {
    throw new RpcError(Code.failedPrecondition, "this node leads: its copy of the state works");
  }
  await requireDispensable(leader, id);
  await leader.store.confirm();
  await leader.consensus.remove(member.id);
  leader.log.warning(`Node ${id} has lost its copy of the state: its member is replaced`);
}

/** All members, the node among them. */
async function ensureMember(leader: Leader, id: string): Promise<readonly Member[]> {
  await leader.store.confirm();
  const { node } = findNode(leader, id);
  if (node.fsmState !== NodeState.UP || node.roles?.consensusMember === undefined) {
    throw new RpcError(Code.failedPrecondition, "node does not have the role ConsensusMember");
  }
  const members = await leader.consensus.list();
  if (memberOn(members, id) !== undefined) return members;
  // etcd allows one learner at a time: more of them would slow the leader down.
  const learner = members.find(({ isLearner }) => isLearner);
  if (learner !== undefined) {
    throw new RpcError(Code.unavailable, catchingUp(leader, nodeOf(learner)));
  }
  const added = await addLearner(leader, id, members);
  leader.log.info(`Node ${id} is a learner in consensus`);
  return [...members, added];
}

function catchingUp(leader: Leader, id: string): string {
  const cached = leader.nodes.get(id);
  if (cached === undefined || !isSilent(leader, cached))
    return `node ${id} is catching up; ask again`;
  return `node ${id} should be catching up, and is silent: ${remedy(cached)}`;
}

/** etcd lets nobody in while it misses a voter; who that is, it does not tell. */
async function addLearner(leader: Leader, id: string, members: readonly Member[]): Promise<Member> {
  try {
    return await leader.consensus.addLearner([peerUrl(id)]);
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== Code.unavailable) throw error;
    const missed = members.map((member) => leader.nodes.get(nodeOf(member)));
    const silent = missed.filter((cached) => cached !== undefined && isSilent(leader, cached));
    const [first] = silent;
    if (first === undefined) throw error;
    const text = `etcd lets nobody in while member ${first.id} is silent: ${remedy(first)}`;
    throw new RpcError(Code.unavailable, text);
  }
}
