// The node's way to the Cluster API: to one curator, or to whoever leads them. Whom it dials
// was named by the directory or by a member of it, and has to prove to be just that node:
// a certificate of the cluster alone makes nobody a leader.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import type { Value } from "../../base/event/event.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import { slowness } from "../../base/linux/machine.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, type KeyPair, privateKeyPem, rawPublicKey } from "../../base/pki/keys.ts";
import { isNodeId } from "../../base/pki/node-id.ts";
import { CertificateError, verifyNode } from "../../base/pki/verify.ts";
import {
  type CallOptions,
  type Channel,
  type ClientTls,
  Code,
  connect,
  type Endpoint,
  type Known,
  leaderChannel,
  RpcError,
  type Vote,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Credentials } from "../storage/credentials.ts";
import { CURATOR_PORT } from "./settings.ts";

/** How long a curator may take to say who leads, and the leader to answer, before others are asked. */
const LOCATE_MS = 2_000;
const DOUBT_MS = 700;

/** The curator on this node. */
export const LOCAL_CURATOR = `127.0.0.1:${CURATOR_PORT}`;

/** Connects to the leader of the node's own cluster. */
export function connectLeader(membership: Value<Credentials>, known: () => Known): Channel {
  return leader(
    // Another certificate since the last connection, after a renewal.
    ({ id }) => memberTls(present(membership), id),
    known,
  );
}

/** The same, but only to whom a majority of the members names, or this node's own curator. */
export function connectSettledLeader(membership: Value<Credentials>, known: () => Known): Channel {
  return connectLeader(membership, () => ({ ...known(), isStrict: true }));
}

/** The credentials of a node that has some. */
export function present(membership: Value<Credentials>): Credentials {
  if (membership.current !== undefined) return membership.current;
  throw new RpcError(Code.unavailable, "this node is no member yet");
}

/** The same as the holder of a key that the cluster may not have certified. */
export async function connectAsStranger(
  key: KeyPair,
  ca: Uint8Array,
  known: () => Known,
): Promise<Channel> {
  const tls = await strangerTls(key);
  return leader(({ id }) => ({ ...tls, verify: (der) => void verifyNode(der, ca, { id }) }), known);
}

/** The same for a member whose certificate may prove nothing, by the key that it joins with. */
export async function connectByJoinKey(
  join: KeyPair,
  own: Credentials,
  known: () => Known,
): Promise<Channel> {
  const tls = await strangerTls(join);
  return leader(({ id }) => ({ ...tls, verify: verifierOf(own, id) }), known);
}

async function strangerTls(key: KeyPair): Promise<Omit<ClientTls, "verify">> {
  return { keyPem: privateKeyPem(key), certificatePem: certificatePem(await selfSigned(key)) };
}

/** How a node proves itself to a server of its cluster, and which one it accepts. */
export function memberTls(own: Credentials, id?: string): ClientTls {
  return {
    keyPem: privateKeyPem(own.keyPair),
    certificatePem: certificatePem(own.certificate),
    verify: verifierOf(own, id),
  };
}

/**
 * Whom a node accepts as node `id`, or as any node. Itself it knows by its key alone, which nobody
 * else has: where its certificate has ended, its own curator is how it gets another one.
 */
function verifierOf(own: Credentials, id: string | undefined): (der: Uint8Array) => void {
  if (id !== own.nodeId) return (der) => void verifyNode(der, own.ca, { id });
  return (der) => {
    const key = rawPublicKey(new X509Certificate(der).publicKey);
    if (Buffer.compare(key, own.keyPair.publicKey) === 0) return;
    throw new CertificateError("certificate is not for this node's own key");
  };
}

function leader(credentials: (endpoint: Endpoint) => ClientTls, known: () => Known): Channel {
  const dial = (endpoint: Endpoint) =>
    connect({ target: endpoint.target, credentials: credentials(endpoint) });
  return leaderChannel({
    ...{ known, dial, timing: leaderTiming() },
    locate: async (seed, options) => {
      using curator = dial(seed);
      // Awaited here: the connection ends with this block.
      return await ask(curator, seed, options);
    },
  });
}

/** How long things take on this machine. */
export function leaderTiming() {
  const factor = slowness();
  return { locateMs: LOCATE_MS * factor, doubtMs: DOUBT_MS * factor };
}

/** Where a curator says that the leader is; who leads himself is where he has answered. */
async function ask(curator: Channel, seed: Endpoint, options: CallOptions): Promise<Vote> {
  const { id: by, target: reached } = seed;
  const answers = curator.client(CuratorLocal).getCurrentLeader({}, options);
  for await (const { leaderNodeId: id, leaderHost, leaderPort } of answers) {
    if (!isNodeId(id)) throw new RpcError(Code.unavailable, `${id} is no node ID`);
    // By its loopback no node shows from which address it calls.
    const isThere = id === by && reached !== LOCAL_CURATOR;
    return { by, leader: { id, target: isThere ? reached : joinHostPort(leaderHost, leaderPort) } };
  }
  throw new RpcError(Code.unavailable, "the leader is not known");
}

/** The curators that a directory names; `own` is this node where its own curator serves. */
export function knownOf(directory: ClusterDirectory | undefined, own?: string): Known {
  const members = (directory?.nodes ?? []).filter(
    ({ id, consensusMember }) => consensusMember && isNodeId(id),
  );
  const seeds = members.flatMap(({ id, addresses }) =>
    addresses
      .filter(({ host }) => host !== "")
      .map(({ host }) => ({ id, target: joinHostPort(host, CURATOR_PORT) })),
  );
  const local = own === undefined ? [] : [{ id: own, target: LOCAL_CURATOR }];
  return { seeds: [...local, ...seeds], members: new Set(members.map(({ id }) => id)), own };
}

/**
 * The same of the directory on the ESP, as of now, with all other places where its members may
 * be: whoever is dialled there has to prove to be that very member.
 */
export function knownAt(path: string, own?: string, candidates: Candidates = () => []): Known {
  return withCandidates(knownOf(readDirectory(path), own), candidates);
}

/** Known curators, with all other places where they may be. */
export function withCandidates(known: Known, candidates: Candidates): Known {
  const targets = new Set(known.seeds.map(({ id, target }) => `${id} ${target}`));
  const others = [...known.members].flatMap((id) =>
    candidates(id).map((host) => ({ id, target: joinHostPort(host, CURATOR_PORT) })),
  );
  const isNew = ({ id, target }: Endpoint) => id !== known.own && !targets.has(`${id} ${target}`);
  return { ...known, seeds: [...known.seeds, ...others.filter(isNew)] };
}

/** Where a node may be. */
export type Candidates = (id: string) => readonly string[];

/** The directory in a file; nothing where it is not written yet, or cut off. */
export function readDirectory(path: string): ClusterDirectory | undefined {
  try {
    return fromBinary(ClusterDirectorySchema, readFileSync(path));
  } catch {
    return undefined;
  }
}
