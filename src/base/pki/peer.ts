// Who is at the other end of a connection, as decided from its certificates.

/** A node of the cluster, proven by a node certificate of the cluster's CA. */
export interface NodePeer {
  readonly kind: "node";
  readonly id: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** When the certificate counts no more, in milliseconds since 1970. */
  readonly until?: number | undefined;
}

/** A person or a program with a user certificate of the cluster's CA. */
export interface UserPeer {
  readonly kind: "user";
  /** The identity's name, such as `owner`. */
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** When the certificate counts no more, in milliseconds since 1970. */
  readonly until?: number | undefined;
}

/** Anyone else: without a certificate, or with one that only proves a key. */
export interface AnonymousPeer {
  readonly kind: "anonymous";
  /** The key that a self-signed certificate proved, Ed25519, 32 bytes. */
  readonly publicKey?: Uint8Array | undefined;
}

/** The identity that a call is made under. */
export type Peer = NodePeer | UserPeer | AnonymousPeer;
