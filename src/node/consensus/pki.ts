// The certificates by which members of etcd, and the node agent as its client, know
// each other. A CA of their own, apart from the cluster's: whoever holds one of
// these may write anything into the cluster's state.
//
// On bootstrap the CA is made here, before etcd first starts, so that etcd is never
// reachable without TLS. Its key then goes into etcd and is nowhere on the disk.
import { existsSync } from "node:fs";
import { chown } from "node:fs/promises";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import {
  ETCD_CA_NAME,
  type Issuer,
  issueCa,
  issueEtcdMember,
  validForever,
} from "../../base/pki/certificate.ts";
import {
  certificatePem,
  generateKeyPair,
  type KeyPair,
  privateKeyDer,
  privateKeyPem,
} from "../../base/pki/keys.ts";
import { issueRevocationList, serialOf } from "../../base/pki/revocation-list.ts";
import {
  type CredentialPaths,
  credentialMode,
  type DataPaths,
  makeCredentialFolder,
} from "../storage/paths.ts";

/** The name that the node agent proves to etcd, with the rights of its control plane. */
const CLIENT_NAME = "curator";

/** Whom files belong to; absent: whoever runs this. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A new CA of etcd. */
export async function createEtcdCa(): Promise<Issuer> {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair, ETCD_CA_NAME) };
}

/** Keys below `namespaced:etcd-pki/`, in the original's layout, and their values. */
export function caRecords({ keyPair, certificate }: Issuer): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ["/pki/issued/etcd-ca-cert.der", certificate],
    ["/pki/keys/etcd-ca-privkey.bin", privateKeyDer(keyPair)],
  ]);
}

async function writeCredentials(
  paths: CredentialPaths,
  ca: Uint8Array,
  certificate: Uint8Array,
  key: KeyPair,
  owner: Owner | undefined,
): Promise<void> {
  makeCredentialFolder(paths);
  const mode = credentialMode(paths);
  await writeFileAtomic(paths.ca, certificatePem(ca), mode);
  await writeFileAtomic(paths.certificate, certificatePem(certificate), mode);
  await writeFileAtomic(paths.key, privateKeyPem(key), mode);
  if (owner === undefined) return;
  for (const path of [paths.root, paths.ca, paths.certificate, paths.key]) {
    await chown(path, owner.uid, owner.gid);
  }
}

/** etcd reads the list, whoever it runs as; there is no secret in it. */
const READABLE = 0o644;

/** Writes down whose certificates etcd must not accept any more. */
export async function saveRevocations(data: DataPaths, list: Uint8Array): Promise<void> {
  await writeFileAtomic(data.etcdRevocations, list, READABLE);
}

/** Two keys and their certificates, of one CA (DER). */
export interface MemberCredentials {
  readonly ca: Uint8Array;
  readonly revocationList: Uint8Array;
  readonly member: KeyPair;
  readonly memberCertificate: Uint8Array;
  /** Of the node itself, as a client. */
  readonly client: KeyPair;
  readonly clientCertificate: Uint8Array;
}

/** Writes down what a member, and the node itself as its client, prove themselves with. */
export async function saveMember(
  own: MemberCredentials,
  data: DataPaths,
  owner?: Owner,
): Promise<void> {
  const { ca, member, memberCertificate, client, clientCertificate } = own;
  await writeCredentials(data.etcdPeer, ca, memberCertificate, member, owner);
  // Once it is there it is followed; see revocations.ts.
  if (!existsSync(data.etcdRevocations)) await saveRevocations(data, own.revocationList);
  await writeCredentials(data.etcdClient, ca, clientCertificate, client, undefined);
}

/**
 * Makes the credentials of the first member, and of its node as a client, and writes them down.
 * Gives the serial numbers of their certificates, by which they can be revoked.
 */
export async function createMember(
  ca: Issuer,
  nodeId: string,
  data: DataPaths,
  owner?: Owner,
): Promise<readonly Uint8Array[]> {
  const [member, client] = [generateKeyPair(), generateKeyPair()];
  // The node dials the loopback address and checks the name, Go's clients check the address.
  const loopback = ["127.0.0.1"];
  const validity = validForever();
  const own = {
    ca: ca.certificate,
    revocationList: await issueRevocationList(ca, []),
    ...{ member, client },
    memberCertificate: await issueEtcdMember(ca, member.publicKey, nodeId, loopback, validity),
    clientCertificate: await issueEtcdMember(ca, client.publicKey, CLIENT_NAME, [], validity),
  };
  await saveMember(own, data, owner);
  return [own.memberCertificate, own.clientCertificate].map(serialOf);
}
