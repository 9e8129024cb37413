// The networks of pods: the leader allots parts of them, every node leads them through the mesh,
// and no node has its own address there. All of them have to mean the same.
import { formatPrefix, type Prefix } from "../base/format/ip-prefix.ts";
import { uniqueLocalNetwork } from "../base/format/unique-local.ts";

/** The IPv4 addresses of all pods: 10.192.0.0 to 10.223.255.255. */
export const POD_NETWORK: Prefix = { family: 4, value: 0x0ac0_0000n, length: 11 };

/**
 * The IPv6 addresses of all pods: another network in each cluster, so that clusters can be
 * joined. The CA's certificate, DER, is as good as chance, and all nodes have it.
 */
export function podNetwork6(caCertificate: Uint8Array): Prefix {
  return uniqueLocalNetwork(caCertificate);
}

/** Both, as text. */
export function podNetworks(caCertificate: Uint8Array): readonly string[] {
  return [POD_NETWORK, podNetwork6(caCertificate)].map(formatPrefix);
}
