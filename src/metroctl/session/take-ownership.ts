// How a cluster becomes somebody's: its CA is learned and proven first, then
// the owner key is exchanged for a certificate (AAA.Escrow).
import { randomBytes } from "node:crypto";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { certificatePem, type KeyPair } from "../../base/pki/keys.ts";
import { ownershipProof } from "../../base/pki/ownership-proof.ts";
import { fingerprint, verifyNode } from "../../base/pki/verify.ts";
import { type Channel, Code, connect, type Endpoint, RpcError } from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { AAA } from "../../gen/metropolis/proto/api/aaa_pb.ts";
import { warn } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles, type KnownMember } from "./context.ts";
import { membersOf } from "./members.ts";
import {
  adoptOwner,
  type Credentials,
  givenCertificate,
  initialCredentials,
  loadOwnerKey,
  OWNER,
  type Owned,
  trustedCa,
} from "./owner.ts";
import { confirm } from "./prompt.ts";
import { SILENCE_MS, target } from "./reach.ts";

/** What to take, and how to get there. */
export interface Taking {
  /** Host name or address of a node, with or without a port. */
  readonly endpoint: string;
  readonly proxy?: string | undefined;
  /** Answers the question about an unproven CA with yes; for tests. */
  readonly acceptAnyCa: boolean;
}

/** What is known of the cluster afterwards. */
export interface Taken {
  /** PEM. */
  readonly caPem: string;
  /** ID of the node that answered. */
  readonly nodeId: string;
}

const NONCE_BYTES = 32;

/**
 * Takes ownership and saves everything in the context. Where the owner's key was being replaced,
 * the cluster takes one of two.
 *
 * Throws a {@link UserError} without an owner key, when the CA is not proven
 * and not accepted, and when the cluster has another owner.
 */
export async function takeOwnership(context: ContextFolder, taking: Taking): Promise<Taken> {
  const key = loadOwnerKey(context);
  if (key === undefined)
    throw new UserError(
      `context ${context.name} has no owner key: use the machine and context that ran install genusb --bootstrap`,
    );
  try {
    return await takeWith(key, context, taking);
  } catch (error) {
    const next = loadOwnerKey(context, contextFiles.nextOwnerKey);
    if (!(error instanceof NotOwnerError) || next === undefined) throw error;
    return await takeWith(next, context, taking);
  }
}

async function takeWith(key: KeyPair, context: ContextFolder, taking: Taking): Promise<Taken> {
  const credentials = await initialCredentials(key);
  const ca = trustedCa(context) ?? (await learnCa(context, taking, credentials));

  let nodeId = "";
  const verify = (certificate: Uint8Array) => {
    nodeId = verifyNode(certificate, ca).id;
  };
  using channel = dial(taking, credentials, verify);
  const owned = { ca, publicKey: key.publicKey };
  const certificate = await escrow(channel, owned).catch(async (error: unknown) => {
    if (!(error instanceof RpcError) || error.code !== Code.unimplemented) throw error;
    // A member that does not lead; the leader's CA is the same.
    const { target: endpoint, id } = await leaderBehind(channel);
    using leader = dial({ ...taking, endpoint }, credentials, (der) => {
      verifyNode(der, ca, { id });
    });
    return await escrow(leader, owned);
  });

  const caPem = certificatePem(ca);
  context.write(contextFiles.ca, caPem, 0o600);
  saveCertificate(context, key, certificate);
  const owner = { ...credentials, certificatePem: certificatePem(certificate) };
  // Who asks later will be told as well.
  const members = await tellMembers(
    taking,
    owner,
    (der) => void verifyNode(der, ca, { id: nodeId }),
  );
  context.saveReach({ ...reach(taking), ...(members.length > 0 ? { members } : {}) });
  context.remove(contextFiles.secret);
  return { caPem, nodeId };
}

/** A rotation that has not happened may still be begun anew with the key that waits for it. */
function saveCertificate(context: ContextFolder, key: KeyPair, certificate: Uint8Array): void {
  const next = loadOwnerKey(context, contextFiles.nextOwnerKey);
  if (next !== undefined && constantTimeEqual(next.publicKey, key.publicKey))
    adoptOwner(context, next, certificate);
  else context.write(contextFiles.ownerCertificate, certificatePem(certificate), 0o644);
}

function reach({ endpoint, proxy }: Taking) {
  return proxy === undefined ? { endpoints: [endpoint] } : { endpoints: [endpoint], proxy };
}

function dial(
  { endpoint, proxy }: Taking,
  credentials: Credentials,
  verify: (certificate: Uint8Array) => void,
): Channel {
  return connect({
    silenceMs: SILENCE_MS,
    target: target(endpoint),
    credentials: { ...credentials, verify },
    proxy,
  });
}

/** Asks for the CA over a connection that proves nothing yet, and judges the answer. */
async function learnCa(context: ContextFolder, taking: Taking, credentials: Credentials) {
  using channel = dial(taking, credentials, () => {});
  const nonce = randomBytes(NONCE_BYTES);
  const { identityCaCertificate: ca, proof } = await channel
    .client(CuratorLocal)
    .getCACertificate({ nonce }, { timeoutMs: 15_000 });
  const secret = context.readSecret(contextFiles.secret)?.trim();
  if (secret !== undefined && proof.length > 0) {
    const expected = ownershipProof("ownership", Buffer.from(secret, "hex"), nonce, ca);
    if (!constantTimeEqual(expected, proof)) throw new UserError(wrongProof(taking.endpoint));
    return ca;
  }
  if (secret !== undefined) {
    warn("the cluster has no proof that it was made from your medium");
  }
  if (!taking.acceptAnyCa) await askAbout(taking.endpoint, ca);
  return ca;
}

function wrongProof(endpoint: string): string {
  return `${endpoint} is not the cluster made from your medium, or somebody stands between: its CA fails the proof. Check the address`;
}

async function askAbout(endpoint: string, ca: Uint8Array): Promise<void> {
  const question =
    `The authenticity of the cluster at ${endpoint} cannot be established: it proved no ownership secret.\n` +
    `Its CA certificate has the fingerprint ${fingerprint(ca)}.\n` +
    "Do you want to trust this cluster (yes/no)? ";
  if (!(await confirm(question)))
    throw new UserError(`the CA of ${endpoint} was not accepted: nothing was changed`);
}

/** The members, as the node knows them that ownership was taken from. */
async function tellMembers(
  taking: Taking,
  credentials: Credentials,
  verify: (certificate: Uint8Array) => void,
): Promise<readonly KnownMember[]> {
  using channel = dial(taking, credentials, verify);
  const answers = channel.client(CuratorLocal).getCurrentLeader({}, { timeoutMs: 15_000 });
  try {
    for await (const { directory } of answers) {
      return directory === undefined ? [] : membersOf(directory);
    }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
  }
  return [];
}

/** Where a member says that the leader is, and who that must be. */
async function leaderBehind(channel: Channel): Promise<Endpoint> {
  const answers = channel.client(CuratorLocal).getCurrentLeader({}, { timeoutMs: 15_000 });
  for await (const { leaderNodeId: id, leaderHost, leaderPort } of answers) {
    return { id, target: target(leaderHost, leaderPort) };
  }
  throw new UserError("this member knows no leader: try again");
}

const WHOSE = "use the machine and context that ran install genusb --bootstrap";

/** The cluster has another owner. */
export class NotOwnerError extends UserError {}

/**
 * Exchanges the owner key, which the connection has to prove, for a certificate.
 *
 * Throws a {@link NotOwnerError} for the key of another owner, and a {@link UserError} for an
 * answer that is no certificate of the cluster for this key.
 */
export async function escrow(channel: Channel, owned: Owned): Promise<Uint8Array> {
  const { publicKey } = owned;
  const request = { parameters: { requestedIdentityName: OWNER, publicKey } };
  try {
    for await (const response of channel.client(AAA).escrow([request], { timeoutMs: 30_000 })) {
      const { emittedCertificate } = response;
      if (emittedCertificate.length > 0) return givenCertificate(emittedCertificate, owned);
    }
  } catch (error) {
    if (error instanceof RpcError && error.code === Code.permissionDenied)
      throw new NotOwnerError(`this cluster was made for another owner key: ${WHOSE}`, {
        cause: error,
      });
    throw error;
  }
  throw new UserError("the cluster gave no certificate: try again, or look at its console");
}
