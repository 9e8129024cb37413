// What a cluster consists of: the content of cluster.json, written once at its
// creation, read by the keeper and by every command. Also where the addresses of
// the private network are decided: by a machine's number alone, so that a copied
// machine finds its old address again in another cluster.
import { writeFileSync } from "node:fs";
import { readJson } from "./json-file.ts";
import { LauncherError } from "./launcher-error.ts";

/** Addresses of the private network, the same in every cluster. */
export const network = {
  gateway: "10.1.0.1",
  prefix: "10.1.0",
  /** A unique local prefix; "4d:6574:726f" spells "Metro". */
  gateway6: "fd4d:6574:726f::1",
  prefix6: "fd4d:6574:726f:",
  domain: "metropolis.internal",
} as const;

/** Another network that leads nowhere: it has no router, and nobody behind it. */
export const sideNetwork = { gateway: "10.2.0.1", prefix: "10.2.0" } as const;

/** What a machine is plugged into. */
export interface MachineNetwork {
  /** Whether it gets an IPv4 address; if not, IPv6 is all that it has. */
  readonly hasIpv4: boolean;
  readonly hasIpv6: boolean;
  /** Whether it has a first card besides, in the network that leads nowhere. */
  readonly hasSideCard: boolean;
}

/** The most machines of one cluster: addresses end before the gateway's reserve. */
export const MAX_MACHINES = 99;

/** One machine, as decided at the creation of its cluster. */
export interface MachineSettings {
  /** From 1. */
  readonly number: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly hasTpm: boolean;
  /** QEMU's name for a file in fw_cfg, to the file on the host. */
  readonly fwCfg: Readonly<Record<string, string>>;
  /** Absent: the one card, with an address of each family; of IPv4 alone for a process. */
  readonly network?: MachineNetwork;
  /** Boots this kernel directly instead of the firmware's choice: for tests. */
  readonly kernel?: { readonly file: string; readonly commandLine: string };
}

/** How a node's code runs: in a virtual machine, natively or translated, or as a process here. */
export type Accelerator = "kvm" | "tcg" | "process";

/** A cluster, as in cluster.json. */
export interface ClusterSettings {
  readonly format: 1;
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  readonly accelerator: Accelerator;
  /** The firmware's code, shared by all machines; variables are each machine's own. */
  readonly firmware: string;
  /** Where etcd is; set where machines are processes. */
  readonly programs?: string;
  readonly machines: readonly MachineSettings[];
}

/** The hardware address of a machine; 52:54:00 is QEMU's. */
export function macAddress(machine: number): string {
  return `52:54:00:4d:00:${machine.toString(16).padStart(2, "0")}`;
}

/** The hardware address of its card in the network that leads nowhere. */
export function sideMacAddress(machine: number): string {
  return `52:54:00:4d:01:${machine.toString(16).padStart(2, "0")}`;
}

/** The IPv4 address that DHCP gives a machine. */
export function ipAddress(machine: number): string {
  return `${network.prefix}.${machine + 1}`;
}

/** The IPv6 address that DHCPv6 gives a machine. */
export function ip6Address(machine: number): string {
  return `${network.prefix6}:${(machine + 1).toString(16)}`;
}

/** The address by which a machine is known first. */
export function mainAddress({ number, network }: MachineSettings): string {
  return network?.hasIpv4 === false ? ip6Address(number) : ipAddress(number);
}

/** Writes the settings; `wx` so that two creations of one name cannot both win. */
export function writeSettings(file: string, settings: ClusterSettings): void {
  writeFileSync(file, `${JSON.stringify(settings, null, 2)}\n`, { flag: "wx", mode: 0o600 });
}

/** Reads the settings back. Throws LauncherError when they are none of ours. */
export function readSettings(file: string): ClusterSettings {
  const value = readJson(file);
  if (!isSettings(value)) {
    throw new LauncherError(`read ${file}: not the settings of a cluster of this version`);
  }
  return value;
}

function isSettings(value: unknown): value is ClusterSettings {
  return (
    typeof value === "object" &&
    value !== null &&
    "format" in value &&
    value.format === 1 &&
    "name" in value &&
    typeof value.name === "string" &&
    "machines" in value &&
    Array.isArray(value.machines)
  );
}
