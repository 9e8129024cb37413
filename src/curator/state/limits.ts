// How much of the cluster's state others may fill: machines that nobody has approved,
// and members with what they say about themselves. All numbers of this kind are here.

/** NEW nodes that the cluster keeps; some 3 KiB each. */
export const MOST_WAITING = 4_096;
/** NEW nodes that have registered from one address, or one /64 of IPv6. */
export const MOST_WAITING_OF_ADDRESS = 1_024;
/** A NEW node is forgotten so long after its last sign of life. */
export const WAITING_MS = 24 * 3_600_000;
/** Signs of life are written no oftener. */
export const SEEN_MS = 6 * 3_600_000;

/** Changes that RegisterNode makes for one address. */
export const REGISTRATION_RATE = { burst: 1_024, perSecond: 0.5 };
/** And for all of them together. */
export const ALL_REGISTRATIONS_RATE = { burst: 4_096, perSecond: 4 };

/** No ticket is longer. */
export const TICKET_BYTES = 64;
/** Each of the texts with which a machine describes itself, in characters. */
export const HARDWARE_LENGTH = 128;
/** All labels together that a machine asks for, keys and values. */
export const ASKED_LABEL_BYTES = 2_048;

/** Changes of the state that one member may cause by what it reports. */
export const REPORT_RATE = { burst: 120, perSecond: 0.2 };
/** A node's status, encoded. */
export const STATUS_BYTES = 1_024;
/** Addresses of one node. */
export const MOST_ADDRESSES = 8;
/** A status that says nothing new is not written again before this. */
export const STATUS_AGE_MS = 600_000;
/** Networks that are reached through one node. */
export const MOST_PREFIXES = 64;
/** Between two heartbeats of one stream. */
export const BEAT_PAUSE_MS = 100;
