// The node's own way to its member of etcd, for what has to be written there before
// there is a curator.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { certificateDer } from "../../base/pki/keys.ts";
import { CertificateError } from "../../base/pki/verify.ts";
import { type Channel, connect } from "../../base/rpc/rpc.ts";
import { clientEndpoint, type Member } from "./config.ts";

/** Connects to the member on this node; `using` closes it. */
export async function connectEtcd(
  member: Pick<Member, "nodeId" | "data" | "ports">,
): Promise<Channel> {
  const { etcdClient } = member.data;
  const [ca = "", certificatePem = "", keyPem = ""] = await Promise.all(
    [etcdClient.ca, etcdClient.certificate, etcdClient.key].map((path) => readFile(path, "utf8")),
  );
  const issuer = new X509Certificate(certificateDer(ca));
  const verify = (der: Uint8Array): void => {
    const certificate = new X509Certificate(der);
    const isOurs = certificate.verify(issuer.publicKey);
    // What answers on the loopback port must be etcd, and that of this node.
    if (!isOurs || certificate.checkHost(member.nodeId) !== member.nodeId) {
      throw new CertificateError(`etcd does not prove to be the member of ${member.nodeId}`);
    }
  };
  return connect({
    target: clientEndpoint(member),
    credentials: { keyPem, certificatePem, verify },
  });
}
