// The node's identity in its cluster, as it lies on the data partition.
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import {
  certificateDer,
  certificatePem,
  type KeyPair,
  keyPairFromPem,
  privateKeyPem,
} from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import { type CredentialPaths, credentialMode, makeCredentialFolder } from "./paths.ts";

/** Who this node is, and the proof of it. */
export interface Credentials {
  readonly nodeId: string;
  readonly keyPair: KeyPair;
  /** DER of the certificate of the node. */
  readonly certificate: Uint8Array;
  /** DER of the CA of the cluster. */
  readonly ca: Uint8Array;
}

/** Puts credentials together; throws unless the certificate is the key's, by this CA. */
export function makeCredentials(
  keyPair: KeyPair,
  certificate: Uint8Array,
  ca: Uint8Array,
): Credentials {
  const id = nodeId(keyPair.publicKey);
  verifyNode(certificate, ca, { id });
  return { nodeId: id, keyPair, certificate, ca };
}

/** Writes them down; the key last, so that a key is never without its certificate. */
export async function saveCredentials(paths: CredentialPaths, own: Credentials): Promise<void> {
  makeCredentialFolder(paths);
  const mode = credentialMode(paths);
  await writeFileAtomic(paths.ca, certificatePem(own.ca), mode);
  await writeFileAtomic(paths.certificate, certificatePem(own.certificate), mode);
  await writeFileAtomic(paths.key, privateKeyPem(own.keyPair), mode);
}

/**
 * Reads them back.
 *
 * Their validity is for others to judge: this machine's clock may be wrong until it has found
 * a time server, and it must be able to join nevertheless.
 */
export async function loadCredentials(paths: CredentialPaths): Promise<Credentials> {
  const [ca = "", certificate = "", key = ""] = await Promise.all(
    [paths.ca, paths.certificate, paths.key].map((path) => readFile(path, "utf8")),
  );
  const keyPair = keyPairFromPem(key);
  return {
    nodeId: nodeId(keyPair.publicKey),
    keyPair,
    certificate: certificateDer(certificate),
    ca: certificateDer(ca),
  };
}
