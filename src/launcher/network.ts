// The private network of a cluster, as programs to run inside its own network
// namespace: a bridge that is gateway to nowhere, one cable per machine, and the
// servers that machines expect of a network.
//
//   QEMU ── datagrams ── socat ── c1 ═ veth ═ m1 ──┐
//   QEMU ── datagrams ── socat ── c2 ═ veth ═ m2 ──┤ br0 10.1.0.1
//                  dnsmasq, time server, SOCKS5 ───┘
import { join } from "node:path";
import type { ClusterPaths, MachinePaths } from "./paths.ts";
import { ip6Address, ipAddress, type MachineSettings, macAddress, network } from "./settings.ts";

/** The bridge, in the keeper's network. */
export const BRIDGE = "br0";

/** The SOCKS5 server's port on the namespace's own loopback. */
export const SOCKS_PORT = 1080;

type Command = readonly string[];

/** Makes the bridge; `isCopied` where socat copies its frames. */
export function bridgeCommands(isCopied = true): readonly Command[] {
  return [
    ["ip", "link", "set", "lo", "up"],
    ["ip", "link", "add", BRIDGE, "address", "02:4d:00:00:00:01", "type", "bridge"],
    // Snooping would hold back neighbour discovery until somebody queried for groups.
    ["ip", "link", "set", BRIDGE, "type", "bridge", "mcast_snooping", "0"],
    ["ip", "addr", "add", `${network.gateway}/24`, "dev", BRIDGE],
    ["ip", "addr", "add", `${network.gateway6}/64`, "dev", BRIDGE, "nodad"],
    ["ip", "link", "set", BRIDGE, "up"],
    ...(isCopied ? [plainFrames(BRIDGE)] : []),
  ];
}

/** Makes a machine's cable up to the end that socat holds. */
export function cableCommands(machine: number): readonly Command[] {
  const [bridgeEnd, machineEnd] = [`m${machine}`, `c${machine}`];
  return [
    ["ip", "link", "add", bridgeEnd, "type", "veth", "peer", "name", machineEnd],
    ["ip", "link", "set", bridgeEnd, "master", BRIDGE, "addrgenmode", "none", "up"],
    ["ip", "link", "set", machineEnd, "addrgenmode", "none", "up"],
    plainFrames(bridgeEnd),
    plainFrames(machineEnd),
  ];
}

/** Removes a machine's cable, both ends of it. */
export function removeCableCommand(machine: number): Command {
  return ["ip", "link", "delete", `m${machine}`];
}

/** Puts a machine's cable into the bridge or pulls it there, which the machine cannot see. */
export function linkCommand(machine: number, isIn: boolean): Command {
  return ["ip", "link", "set", `m${machine}`, ...(isIn ? ["master", BRIDGE] : ["nomaster"])];
}

/**
 * Between veths the kernel leaves checksums out and joins segments, trusting
 * that hardware below would mend it. socat copies frames as they are, so every
 * frame must be whole.
 */
function plainFrames(link: string): Command {
  const features = ["rx", "tx", "tso", "gso", "gro"].flatMap((feature) => [feature, "off"]);
  return ["ethtool", "--offload", link, ...features];
}

/** Copies frames between QEMU and the cable. Ends when QEMU has gone. */
export function cableProgram(machine: number, paths: MachinePaths): Command {
  // 64 KiB is more than any frame; a smaller buffer would cut frames, not queue them.
  return [
    "socat",
    "-b65536",
    `UNIX-SENDTO:${paths.networkSocket},bind=${paths.cableSocket}`,
    `INTERFACE:c${machine}`,
  ];
}

/** DHCP with an address per machine, DNS, and the same for IPv6. */
export function dnsmasqProgram(paths: ClusterPaths, machines: readonly MachineSettings[]): Command {
  const { prefix, prefix6, domain, gateway, gateway6 } = network;
  return [
    "dnsmasq",
    // In the foreground and as whoever we are: other users do not exist in here.
    "--no-daemon",
    "--conf-file",
    ...["--no-resolv", "--no-hosts", "--no-ping", "--dhcp-authoritative"],
    ...[`--interface=${BRIDGE}`, "--bind-interfaces"],
    ...[`--domain=${domain}`, `--local=/${domain}/`],
    `--dhcp-range=${prefix}.2,${prefix}.250,255.255.255.0,1h`,
    `--dhcp-range=${prefix6}:2,${prefix6}:fa,64,1h`,
    "--enable-ra",
    `--dhcp-leasefile=${join(paths.directory, "leases")}`,
    `--pid-file=${join(paths.runtime, "dnsmasq.pid")}`,
    `--dhcp-option=option:ntp-server,${gateway}`,
    `--dhcp-option=option6:dns-server,[${gateway6}]`,
    `--dhcp-option=option6:sntp-server,[${gateway6}]`,
    // Whoever asks for the public pool by name gets our own time server.
    ...[`--address=/ntp.org/${gateway}`, `--address=/gateway.${domain}/${gateway}`],
    ...machines.map(({ number }) => `--dhcp-host=${reservation(number)}`),
  ];
}

function reservation(machine: number): string {
  return [macAddress(machine), ipAddress(machine), `[${ip6Address(machine)}]`].join(",");
}

/** The door into the network, for connections that come in through `relay`. */
export function socksProgram(): Command {
  return ["microsocks", "-i", "127.0.0.1", "-p", String(SOCKS_PORT)];
}
