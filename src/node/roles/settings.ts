// What the curator, which is a process of its own, is told on its standard input.
// src/curator reads the same words; the two rooms know of each other only this.
import type { Member } from "../consensus/config.ts";
import type { CredentialPaths, Paths } from "../storage/paths.ts";

/** Port of the Cluster API on every control plane member. */
export const CURATOR_PORT = 7835;

/** What does not change while the curator runs. */
export interface CuratorSettings {
  readonly nodeId: string;
  /** Where it serves this node, in plain text. */
  readonly socket: string;
  /** Where it serves the network, once it is told to. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Files of the node's identity; they are not there until the cluster exists. */
  readonly credentials: CredentialPaths;
  /** The path where etcd serves the curator, and nobody else. */
  readonly etcdSocket: string;
}

/** The settings of the curator beside a member of etcd. */
export function curatorSettings(
  member: Member,
  { data, ephemeral }: Paths,
  port = CURATOR_PORT,
): CuratorSettings {
  return {
    nodeId: member.nodeId,
    socket: ephemeral.curatorSocket,
    listen: { host: "::", port },
    credentials: data.credentials,
    etcdSocket: member.socket,
  };
}

/** What the curator is started with beside its settings. */
export interface CuratorStart {
  /** The DN that it logs under. */
  readonly dn: string;
  /** The node's, best first. */
  readonly addresses: readonly string[];
}

/** The first line of the curator's standard input. The port is opened by a call, later. */
export function settingsLine(settings: CuratorSettings, start: CuratorStart): string {
  return `${JSON.stringify({ ...settings, ...start, open: false })}\n`;
}

/** A later line: the node has other addresses. */
export function addressLine(addresses: readonly string[]): string {
  return `${JSON.stringify({ addresses })}\n`;
}
