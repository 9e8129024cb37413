// The node's way to the Cluster API: to one curator, or to whoever leads them.
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import type { Value } from "../../base/event/event.ts";
import { slowness } from "../../base/linux/machine.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, type KeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import {
  type CallOptions,
  type Channel,
  type ClientTls,
  Code,
  connect,
  leaderChannel,
  RpcError,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Credentials } from "../storage/credentials.ts";
import { CURATOR_PORT } from "./settings.ts";

/** How long a curator may take to say who leads, and the leader to answer, before others are asked. */
const LOCATE_MS = 2_000;
const DOUBT_MS = 700;

/** The curator on this node. */
export const LOCAL_CURATOR = `127.0.0.1:${CURATOR_PORT}`;

/** Connects to one curator of the node's own cluster; `using` closes it. */
export function connectCluster(own: Credentials, target = LOCAL_CURATOR): Channel {
  return connect({ target, credentials: memberTls(own) });
}

/** Connects to the leader of the node's own cluster, which `seeds` know. */
export function connectLeader(
  membership: Value<Credentials>,
  seeds: () => readonly string[],
): Channel {
  return leader(() => {
    // Another certificate since the last connection, after a renewal.
    if (membership.current !== undefined) return memberTls(membership.current);
    throw new RpcError(Code.unavailable, "this node is no member yet");
  }, seeds);
}

/** The same as the holder of a key that the cluster may not have certified. */
export async function connectAsStranger(
  key: KeyPair,
  ca: Uint8Array,
  seeds: () => readonly string[],
): Promise<Channel> {
  const tls: ClientTls = {
    keyPem: privateKeyPem(key),
    certificatePem: certificatePem(await selfSigned(key)),
    verify: (der) => void verifyNode(der, ca),
  };
  return leader(() => tls, seeds);
}

function memberTls(own: Credentials): ClientTls {
  return {
    keyPem: privateKeyPem(own.keyPair),
    certificatePem: certificatePem(own.certificate),
    verify: (der) => void verifyNode(der, own.ca),
  };
}

function leader(credentials: () => ClientTls, seeds: () => readonly string[]): Channel {
  const dial = (target: string) => connect({ target, credentials: credentials() });
  const factor = slowness();
  const timing = { locateMs: LOCATE_MS * factor, doubtMs: DOUBT_MS * factor };
  return leaderChannel({ seeds, dial, locate, timing });
}

/** Where a curator says that the leader is. */
async function locate(curator: Channel, options: CallOptions): Promise<string> {
  const local = curator.client(CuratorLocal);
  for await (const { leaderHost, leaderPort } of local.getCurrentLeader({}, options)) {
    return hostAndPort(leaderHost, leaderPort);
  }
  throw new RpcError(Code.unavailable, "the leader is not known");
}

/** `host:port` of an address. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The curators that a directory names. */
export function seedsOf(directory: ClusterDirectory | undefined): readonly string[] {
  const hosts = (directory?.nodes ?? []).flatMap(({ addresses }) => addresses);
  return hosts.filter(({ host }) => host !== "").map(({ host }) => hostAndPort(host, CURATOR_PORT));
}

/** The curators that the directory on the ESP names, as of now. */
export function directorySeeds(path: string): readonly string[] {
  try {
    return seedsOf(fromBinary(ClusterDirectorySchema, readFileSync(path)));
  } catch {
    // Not written yet, or cut off: then this node knows nobody.
    return [];
  }
}
