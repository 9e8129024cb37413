// The members of etcd, as the leader of the control plane deals with them: each
// is a node, known by its name or, before its first start, by its peer URL.
import type { Member, Members, Store } from "../../base/etcd/etcd.ts";
import type { Issuer } from "../../base/pki/certificate.ts";
import { keyPairFromDer } from "../../base/pki/keys.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { ConsensusStatus } from "../../gen/metropolis/proto/api/management_pb.ts";
import { reached } from "./leader-store.ts";

/** Where etcd's own PKI lies, apart from the state of the control plane. */
export const PKI_NAMESPACE = "namespaced:etcd-pki/";

/** The layout of existing clusters. */
const pkiKeys = {
  certificate: "/pki/issued/etcd-ca-cert.der",
  privateKey: "/pki/keys/etcd-ca-privkey.bin",
} as const;

/** The port at which members reach each other. */
const PEER_PORT = 7834;

/** What is done for the database of the member on this node. */
export type DatabaseMaintenance = Pick<
  Members,
  "status" | "fullMembers" | "endFullAlarm" | "defragment" | "list"
>;

/** What a leader can do with members. All failures are RpcErrors. */
export interface Consensus
  extends Pick<Members, "addLearner" | "promote" | "remove" | "snapshot">,
    DatabaseMaintenance {
  /** The CA by which members know each other. Throws failedPrecondition where there is none. */
  ca(): Promise<Issuer>;
}

/** The members of a real etcd; `pki` is its store below {@link PKI_NAMESPACE}. */
export function etcdConsensus(members: Members, pki: Pick<Store, "get">): Consensus {
  return { ...members, ca: () => loadEtcdCa(pki) };
}

async function loadEtcdCa(pki: Pick<Store, "get">): Promise<Issuer> {
  const [certificate, key] = await Promise.all([
    reached(pki.get(pkiKeys.certificate)),
    reached(pki.get(pkiKeys.privateKey)),
  ]);
  if (certificate === undefined || key === undefined) {
    throw new RpcError(Code.failedPrecondition, "consensus has no CA yet");
  }
  return { keyPair: keyPairFromDer(key.value), certificate: certificate.value };
}

/** How other members reach the one on a node: by name, which hosts files resolve. */
export function peerUrl(id: string): string {
  return `https://${id}:${PEER_PORT}`;
}

/** The ID of the node that a member runs on. */
export function nodeOf({ name, peerUrls }: Pick<Member, "name" | "peerUrls">): string {
  if (name !== "") return name;
  const [url = ""] = peerUrls;
  return URL.parse(url)?.hostname ?? "";
}

/** The member on a node. */
export function memberOn(members: readonly Member[], id: string): Member | undefined {
  return members.find((member) => nodeOf(member) === id);
}

/** How far a node with the role has come; `isFailing` is its own word. */
export function consensusStatus(
  members: readonly Member[],
  id: string,
  isFailing = false,
): ConsensusStatus {
  const member = memberOn(members, id);
  if (member === undefined) return ConsensusStatus.JOINING;
  if (isFailing) return ConsensusStatus.FAILING;
  return member.isLearner ? ConsensusStatus.LEARNER : ConsensusStatus.VOTER;
}
