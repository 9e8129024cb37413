// How etcd is started on a node.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { boltBytes } from "../../base/format/bolt.ts";
import { slowness } from "../../base/linux/machine.ts";
import type { DataPaths } from "../storage/paths.ts";

/** Ports of etcd on a node. Peers come from the network, all others from the node itself. */
export interface EtcdPorts {
  readonly peer: number;
  readonly client: number;
  readonly metrics: number;
}

/** The ports on a machine; tests have their own. */
export const ETCD_PORTS: EtcdPorts = { peer: 7834, client: 7836, metrics: 7842 };

/** A member of etcd. */
export interface Member {
  readonly nodeId: string;
  readonly data: DataPaths;
  readonly ports: EtcdPorts;
  /** Path of the socket for the curator beside it, who needs no TLS there: it lets in nobody else. */
  readonly socket: string;
  /** Names and peer URLs of all members, where it joins others; used until it has data. */
  readonly peers?: ReadonlyMap<string, string>;
}

/** All members carry it, so that two clusters never mix. */
export const CLUSTER_TOKEN = "METROPOLIS";

/** How long the history of keys is kept: enough for any watcher that lost its connection. */
const HISTORY = "1h";

/**
 * What the database may have: what etcd takes by itself, said so that no later release of it
 * changes it. More would be memory, which the file is mapped into, and time to copy it.
 */
const QUOTA_BYTES = 2 * 1024 ** 3;

/**
 * What a database that is full when etcd starts may have beyond that, and from where on it is
 * full. A leader has to write before he can let anything be read or deleted, and under etcd's
 * alarm nobody writes; once there is one he lets no more in than before.
 */
const RESERVE_SHARE = 1 / 8;
const FULL_SHARE = 0.97;
/** Whoever fills the reserve as well, again and again, gets no further. */
const MOST_SHARE = 2.5;

/** etcd wants its leader to be heard at least five times before it is given up. */
const HEARTBEAT_MS = 100;
const ELECTION_MS = 1_000;

/** What nodes take: our clients shall not wait longer for etcd's next leader than for ours. */
export const FAST_ELECTION_MS = 500;

/**
 * How other members reach this one.
 *
 * By name, not by address: the name is in the certificate, and members find its present
 * address in their hosts file. A new lease of the DHCP server then changes nothing in etcd.
 */
export function peerUrl({ nodeId, ports }: Member): string {
  return `https://${nodeId}:${ports.peer}`;
}

/** Where clients on this node reach it. */
export function clientEndpoint({ ports }: Pick<Member, "ports">): string {
  return `127.0.0.1:${ports.client}`;
}

/** The arguments of etcd. What is in them for a new cluster is ignored once there is data. */
export function etcdArguments(
  member: Member,
  electionMs = ELECTION_MS,
  quotaBytes = QUOTA_BYTES,
): readonly string[] {
  const { nodeId, data, ports, socket, peers } = member;
  const all = peers ?? new Map([[nodeId, peerUrl(member)]]);
  const clientUrl = `https://${clientEndpoint(member)}`;
  const { etcdPeer: peer } = data;
  return [
    `--name=${nodeId}`,
    `--data-dir=${data.etcdData}`,
    `--initial-cluster-token=${CLUSTER_TOKEN}`,
    `--initial-cluster=${[...all].map(([name, url]) => `${name}=${url}`).join()}`,
    `--initial-cluster-state=${peers === undefined ? "new" : "existing"}`,
    `--initial-advertise-peer-urls=${peerUrl(member)}`,
    // Of both families; by 0.0.0.0 etcd, as all of Go, means the same.
    `--listen-peer-urls=https://[::]:${ports.peer}`,
    "--peer-client-cert-auth",
    // The names in certificates are those of nodes, whose addresses may change: what counts
    // is that the CA of etcd, which nobody else has, certified the peer.
    "--peer-skip-client-san-verification",
    `--peer-trusted-ca-file=${peer.ca}`,
    `--peer-cert-file=${peer.certificate}`,
    `--peer-key-file=${peer.key}`,
    // Read at each handshake.
    `--peer-crl-file=${data.etcdRevocations}`,
    `--listen-client-urls=${clientUrl},${unixUrl(socket)}`,
    `--advertise-client-urls=${clientUrl}`,
    "--client-cert-auth",
    `--trusted-ca-file=${peer.ca}`,
    `--cert-file=${peer.certificate}`,
    `--key-file=${peer.key}`,
    `--listen-metrics-urls=http://127.0.0.1:${ports.metrics}`,
    // Our connections ask more often than etcd likes, which drops them when it stands still.
    "--grpc-keepalive-min-time=1s",
    `--heartbeat-interval=${HEARTBEAT_MS * slowness()}`,
    `--election-timeout=${electionMs * slowness()}`,
    // It would dial etcd itself, without a certificate.
    "--enable-grpc-gateway=false",
    `--quota-backend-bytes=${quota(member, quotaBytes)}`,
    "--auto-compaction-mode=periodic",
    `--auto-compaction-retention=${HISTORY}`,
    "--logger=zap",
    "--log-outputs=stderr",
    "--log-format=json",
  ];
}

/** etcd splits what it listens on at commas. */
function unixUrl(path: string): string {
  return `unix://${pathToFileURL(path).pathname.replaceAll(",", "%2C")}`;
}

/** What etcd may have from this start on. */
function quota(member: Member, usual: number): number {
  if (!isFull(member, usual)) return usual;
  // etcd measures ten times a second only, and may have got far beyond.
  const used = Math.max(usual, usedBytes(databasePath(member)));
  return Math.min(used + usual * RESERVE_SHARE, usual * MOST_SHARE);
}

/** Whether a member's database has no room left, or next to none. */
export function isFull({ data }: Pick<Member, "data">, quotaBytes = QUOTA_BYTES): boolean {
  return usedBytes(databasePath({ data })) >= quotaBytes * FULL_SHARE;
}

function databasePath({ data }: Pick<Member, "data">): string {
  return join(data.etcdData, "member", "snap", "db");
}

function usedBytes(path: string): number {
  try {
    return boltBytes(path);
  } catch {
    // There is none yet, or etcd itself will say that it is none.
    return 0;
  }
}
