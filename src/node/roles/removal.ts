// Whether consensus has let go of this node: what is asked before its copy of the state is
// erased, and so only etcd is believed. A curator that claims to lead has no say in it.
//
//   the etcd of this node, with its majority: a member ──► not removed, whatever others say
//                                             no member ─► removed
//   it reaches none: most of the other members' etcds say no member, none says member ─► removed
import { type Member as EtcdMember, etcdMembers } from "../../base/etcd/etcd.ts";
import { connect, type Endpoint, type Known, RpcError } from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Member } from "../consensus/config.ts";
import { connectEtcd } from "../consensus/connection.ts";
import type { Credentials } from "../storage/credentials.ts";
import { memberTls } from "./connection.ts";

const ANSWER_MS = 5_000;

/** Who is asked. */
export interface Witnesses {
  /** The etcd on this node; absent while it does not run. */
  readonly member: Member | undefined;
  readonly own: Credentials;
  /** The other members, as the directory has them. */
  readonly known: Known;
}

/** Whether etcd itself says that this node is no member of it any more. False where nobody can tell. */
export async function isRemoved(witnesses: Witnesses, signal: AbortSignal): Promise<boolean> {
  const { member, own, known } = witnesses;
  const isListed = member === undefined ? undefined : await ownWord(member);
  if (isListed !== undefined) return !isListed;
  const others = [...known.members].filter((id) => id !== own.nodeId);
  const words = await Promise.all(others.map((id) => word(id, witnesses, signal)));
  if (words.includes(true)) return false;
  return words.filter((isMember) => isMember === false).length > others.length / 2;
}

/** Whether this node is among the members of its own etcd; undefined where that has no majority. */
async function ownWord(member: Member): Promise<boolean | undefined> {
  try {
    using channel = await connectEtcd(member);
    return (await etcdMembers(channel).list()).some((each) => isOn(each, member.nodeId));
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}

/** A member that has yet to start has no name, only the URL that holds it. */
function isOn({ name, peerUrls }: EtcdMember, nodeId: string): boolean {
  return name === nodeId || peerUrls.some((url) => URL.parse(url)?.hostname === nodeId);
}

/** Whether another member's etcd counts this node among its members; undefined without an answer. */
async function word(
  id: string,
  { known, own }: Witnesses,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  for (const seed of known.seeds.filter((each) => each.id === id)) {
    try {
      return (await membersAt(seed, own, signal)).includes(own.nodeId);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError)) throw error;
    }
  }
  return undefined;
}

async function membersAt({ id, target }: Endpoint, own: Credentials, signal: AbortSignal) {
  using channel = connect({ target, credentials: memberTls(own, id) });
  const local = channel.client(CuratorLocal);
  return (await local.getConsensusMembers({}, { signal, timeoutMs: ANSWER_MS })).nodeIds;
}
