// What the node tells its curator, as JSON lines on the standard input: the
// settings first, then whatever changes. The input stays open as long as the
// node wants the curator to run.

/** Files that hold a key and its certificates, PEM. */
export interface CredentialFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** The first line. */
export interface Settings {
  /** The ID of the node that the curator runs on. */
  readonly nodeId: string;
  /** The DN that the curator logs under, such as `root.roles.curator`. */
  readonly dn: string;
  /** The path where the member of etcd on this node serves its curator, and nobody else. */
  readonly etcdSocket: string;
  /** The path of the local socket. */
  readonly socket: string;
  /** The node's identity in its cluster. The files may come into being later; see `open`. */
  readonly credentials: CredentialFiles;
  /** Where the network is served. */
  readonly listen: { readonly host: string; readonly port: number };
  /** The addresses that others reach the node at, best first. */
  readonly addresses: readonly string[];
  /** Serve the network at once, rather than when the node calls Open. */
  readonly open: boolean;
  /** A silent leader is replaced after so many seconds; absent: 5. */
  readonly leaderTtlSeconds?: number | undefined;
}

/** A later line: the node has other addresses. */
export interface AddressChange {
  readonly addresses: readonly string[];
}

/** Input that is not what the node writes. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** Reads the first line. */
export function parseSettings(line: string): Settings {
  const { listen, ...given } = record(parseJson(line), "settings");
  const { host, port } = record(listen, "listen");
  const { leaderTtlSeconds } = given;
  return {
    nodeId: text(given.nodeId, "nodeId"),
    dn: text(given.dn, "dn"),
    etcdSocket: text(given.etcdSocket, "etcdSocket"),
    socket: text(given.socket, "socket"),
    credentials: files(given.credentials, "credentials"),
    listen: { host: text(host, "listen.host"), port: count(port, "listen.port") },
    addresses: texts(given.addresses, "addresses"),
    open: given.open === true,
    ...(leaderTtlSeconds !== undefined && {
      leaderTtlSeconds: count(leaderTtlSeconds, "leaderTtlSeconds"),
    }),
  };
}

/** Reads a later line. */
export function parseAddressChange(line: string): AddressChange {
  const { addresses } = record(parseJson(line), "change");
  return { addresses: texts(addresses, "addresses") };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new SettingsError("settings are not JSON", { cause });
  }
}

function files(value: unknown, name: string): CredentialFiles {
  const { ca, certificate, key } = record(value, name);
  return {
    ca: text(ca, `${name}.ca`),
    certificate: text(certificate, `${name}.certificate`),
    key: text(key, `${name}.key`),
  };
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) return { ...value };
  throw new SettingsError(`${name} is missing`);
}

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new SettingsError(`${name} is not a text`);
}

function texts(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value)) return value.map((each) => text(each, name));
  throw new SettingsError(`${name} is not a list of texts`);
}

function count(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new SettingsError(`${name} is not a number`);
}
