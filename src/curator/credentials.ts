// Keys and certificates from files, as connections want them.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { certificateDer } from "../base/pki/keys.ts";
import { CertificateError } from "../base/pki/verify.ts";
import type { ClientTls, ServerTls } from "../base/rpc/rpc.ts";
import type { CredentialFiles } from "./settings.ts";

/** A key, its certificate, and the CA of both sides. */
export interface Credentials extends ServerTls {
  /** DER. */
  readonly ca: Uint8Array;
}

/** Reads credentials; throws what the file system says where a file is missing. */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const [ca, certificatePem, keyPem] = await Promise.all([
    readFile(files.ca, "utf8"),
    readFile(files.certificate, "utf8"),
    readFile(files.key, "utf8"),
  ]);
  return { ca: certificateDer(ca), certificatePem, keyPem };
}

/** How etcd's member on node `id` is dialled. */
export function etcdTls({ keyPem, certificatePem, ca }: Credentials, id: string): ClientTls {
  const issuer = new X509Certificate(ca);
  const verify = (der: Uint8Array): void => {
    const certificate = new X509Certificate(der);
    const isMember = certificate.verify(issuer.publicKey) && certificate.checkHost(id) === id;
    // What answers on the loopback port must be etcd, and that of this node.
    if (!isMember) throw new CertificateError(`etcd does not prove to be the member of ${id}`);
  };
  return { keyPem, certificatePem, verify };
}
