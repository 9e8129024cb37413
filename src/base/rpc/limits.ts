// How much a server lets in, of whom. All numbers of this kind are here.
//
//   accepted ── rate ──► handshake ──┬──► member    a place of his own
//                                    └──► stranger  few, small, slow, the oldest goes first
//
// A stranger is who proved nothing of the cluster. What he may take is bounded three
// times: for a connection, for an address (IPv4, or a /64 of IPv6), for all of them.

/** Bounds that keep a hostile caller from hurting others. Times are in milliseconds. */
export interface ServeLimits {
  /** Connections of members. */
  readonly connections: number;
  /** Connections that one certificate may have. */
  readonly connectionsPerMember: number;
  /** Calls that one certificate may have at the same time, on all its connections. */
  readonly callsPerMember: number;
  /** The same where it is a node's. */
  readonly callsPerNode: number;
  /** Calls that nodes may begin, each under its certificate. */
  readonly nodeCallRate: Rate;
  /** Calls at the same time on one connection. */
  readonly callsPerConnection: number;
  /** Longest request of a user. */
  readonly requestBytes: number;
  /** Longest request of a member that is no user. */
  readonly nodeRequestBytes: number;
  /** A connection without calls is closed after this. */
  readonly idleMs: number;
  /** How long the request of a unary call may take to arrive. */
  readonly requestMs: number;
  /** Between the end of a membership and that of its connections: so long calls are told why. */
  readonly revokedGraceMs: number;

  /** For the TLS handshake. */
  readonly handshakeMs: number;
  /** Handshakes going on. */
  readonly handshakes: number;
  /** And besides these, from addresses of members: all of them dial a new leader at once. */
  readonly knownHandshakes: number;
  readonly handshakesPerAddress: number;
  /** Connections that an address may begin: at once, and then each second. */
  readonly connectionRate: Rate;
  /** The same for addresses from which a member has proved itself. */
  readonly knownConnectionRate: Rate;
  /** And for all other addresses together. */
  readonly totalConnectionRate: Rate;

  /** Connections of strangers. */
  readonly strangers: number;
  readonly strangersPerAddress: number;
  readonly strangerIdleMs: number;
  /** A stranger's connection is closed after this, whatever it does. */
  readonly strangerAgeMs: number;
  /** What is read of a stranger's connection, all bytes counted. */
  readonly strangerBytes: Rate;
  /** The same of all connections of strangers at one address. */
  readonly strangerBytesPerAddress: Rate;
  /** And of all strangers. */
  readonly allStrangerBytes: Rate;
  /** Longest request of a stranger. */
  readonly strangerRequestBytes: number;
  /** Calls of strangers at the same time. */
  readonly strangerCalls: number;
  readonly strangerCallsPerAddress: number;
  readonly strangerCallsPerConnection: number;
  /** Calls that strangers at one address may begin. */
  readonly strangerCallRate: Rate;
  /** The same for addresses from which a member has proved itself. */
  readonly knownStrangerCallRate: Rate;
  /** A stranger's call ends after this, a stream too. */
  readonly strangerCallMs: number;
}

/** So many at once, and again so many each second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Of a port that the Internet may see: the Cluster API. */
export const usualLimits: ServeLimits = {
  connections: 20_000,
  connectionsPerMember: 256,
  callsPerMember: 2_048,
  callsPerNode: 256,
  // It has some ten open, begins each anew where the leader changes, and few others.
  nodeCallRate: { burst: 512, perSecond: 128 },
  callsPerConnection: 256,
  requestBytes: 4 << 20,
  nodeRequestBytes: 64 << 10,
  idleMs: 120_000,
  requestMs: 30_000,
  revokedGraceMs: 5_000,

  handshakeMs: 10_000,
  handshakes: 256,
  knownHandshakes: 1_024,
  handshakesPerAddress: 64,
  // A processor manages about a thousand handshakes in a second.
  connectionRate: { burst: 2_048, perSecond: 64 },
  knownConnectionRate: { burst: 4_096, perSecond: 512 },
  totalConnectionRate: { burst: 4_096, perSecond: 256 },

  strangers: 512,
  strangersPerAddress: 64,
  // Machines that wait for approval ask every second.
  strangerIdleMs: 15_000,
  strangerAgeMs: 600_000,
  strangerBytes: { burst: 1 << 20, perSecond: 64 << 10 },
  // A MiB of frames that begin calls takes a tenth of a second. A machine that waits for approval
  // says some 400 bytes each second, and there are 1,024 of one address, 4,096 in all.
  strangerBytesPerAddress: { burst: 2 << 20, perSecond: 512 << 10 },
  allStrangerBytes: { burst: 8 << 20, perSecond: 2 << 20 },
  // Together at most 32 MiB, however many strangers there are.
  strangerRequestBytes: 64 << 10,
  strangerCalls: 512,
  strangerCallsPerAddress: 128,
  strangerCallsPerConnection: 8,
  strangerCallRate: { burst: 512, perSecond: 128 },
  knownStrangerCallRate: { burst: 4_096, perSecond: 1_024 },
  strangerCallMs: 60_000,
};

/** Of a port with little to say, to few: one operator, or the members of an epoch. */
export const smallLimits: ServeLimits = {
  ...usualLimits,
  connections: 128,
  connectionsPerMember: 16,
  callsPerMember: 64,
  callsPerNode: 64,
  nodeCallRate: { burst: 64, perSecond: 32 },
  callsPerConnection: 32,
  requestBytes: 64 << 10,
  nodeRequestBytes: 4 << 10,
  handshakes: 128,
  knownHandshakes: 128,
  strangers: 64,
  strangersPerAddress: 16,
  strangerBytes: { burst: 256 << 10, perSecond: 8 << 10 },
  strangerBytesPerAddress: { burst: 1 << 20, perSecond: 64 << 10 },
  allStrangerBytes: { burst: 2 << 20, perSecond: 256 << 10 },
  strangerRequestBytes: 4 << 10,
  strangerCalls: 64,
  strangerCallsPerAddress: 32,
  strangerCallsPerConnection: 4,
  strangerCallRate: { burst: 64, perSecond: 16 },
  knownStrangerCallRate: { burst: 64, perSecond: 16 },
  strangerCallMs: 15_000,
};
