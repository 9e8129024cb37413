// Where in etcd everything of the control plane lies. The layout is that of
// existing clusters; the store adds the prefix `namespaced:curator/` that
// separates the control plane from other users of etcd.

/** Keys are texts here, without the namespace. */
export const keys = {
  /** Prefix of the election. */
  leader: "/leader/",
  /** Prefix of all nodes. */
  nodes: "/nodes/",
  /** A private.Node. */
  node: (id: string) => `/nodes/${part(id)}`,
  /** The ID of the node that joins with this key, as text. */
  joinKey: (publicKey: Uint8Array) => `/join_keys/${publicKey.toHex()}`,
  /** A ClusterConfiguration. */
  configuration: "/cluster/configuration",
  /** A private.InitialOwner. */
  initialOwner: "/global/initial_owner",
  /** A private.RegisterTicket. */
  registerTicket: "/global/register_ticket",
  /** A private.Recovery. */
  recovery: "/global/recovery",
  /** Empty. Written only so that something is written; see the upkeep of the database. */
  databaseTouch: "/global/database_touch",
  /** A private.ConsensusRevocations. */
  revocations: "/global/consensus_revocations",
  /** DER of a certificate of the cluster's PKI, by name. */
  certificate: (name: string) => `/cluster-pki/issued/${part(name)}-cert.der`,
  /** The private key of a certificate whose holder is the control plane. */
  privateKey: (name: string) => `/cluster-pki/keys/${part(name)}-privkey.bin`,
} as const;

/** What is no part of a key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/** Names come from outside: one with a slash would reach into another folder. */
function part(name: string): string {
  if (name === "" || name.includes("/")) {
    throw new KeyError(`key of ${JSON.stringify(name)}: empty, or with a slash`);
  }
  return name;
}
