// The private network of a cluster, as programs to run inside its own network
// namespace: a bridge that is gateway to nowhere, one cable per machine, and the
// servers that machines expect of a network.
//
//   QEMU ── datagrams ── socat ── c1 ═ veth ═ m1 ──┐
//   QEMU ── datagrams ── socat ── c2 ═ veth ═ m2 ──┤ br0 10.1.0.1
//                  dnsmasq, time server, SOCKS5 ───┘
//   QEMU ── datagrams ── socat ── d2 ═ veth ═ n2 ──── br1 10.2.0.1, without a router
import { join } from "node:path";
import type { ClusterPaths, MachinePaths } from "./paths.ts";
import {
  ip6Address,
  ipAddress,
  type MachineSettings,
  macAddress,
  network,
  sideNetwork,
} from "./settings.ts";

/** The bridge, in the keeper's network. */
export const BRIDGE = "br0";
/** That of the network that leads nowhere. */
const SIDE_BRIDGE = "br1";

/** The SOCKS5 server's port on the namespace's own loopback. */
export const SOCKS_PORT = 1080;

/** Tags of dnsmasq. */
const HAS_IPV4 = "four";
const SIDE = "side";

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

/** Makes the bridge of the network that leads nowhere. */
export function sideBridgeCommands(): readonly Command[] {
  return [
    ["ip", "link", "add", SIDE_BRIDGE, "address", "02:4d:00:00:01:01", "type", "bridge"],
    ["ip", "addr", "add", `${sideNetwork.gateway}/24`, "dev", SIDE_BRIDGE],
    ["ip", "link", "set", SIDE_BRIDGE, "up"],
    plainFrames(SIDE_BRIDGE),
  ];
}

/** Makes a machine's cable up to the end that socat holds. */
export function cableCommands(machine: number): readonly Command[] {
  return cable(`m${machine}`, `c${machine}`, BRIDGE);
}

/** The same of its card in the network that leads nowhere. */
export function sideCableCommands(machine: number): readonly Command[] {
  return cable(`n${machine}`, `d${machine}`, SIDE_BRIDGE);
}

function cable(bridgeEnd: string, machineEnd: string, bridge: string): readonly Command[] {
  return [
    ["ip", "link", "add", bridgeEnd, "type", "veth", "peer", "name", machineEnd],
    ["ip", "link", "set", bridgeEnd, "master", bridge, "addrgenmode", "none", "up"],
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
  return copyFrames(paths.networkSocket, paths.cableSocket, `c${machine}`);
}

/** The same for its card in the network that leads nowhere. */
export function sideCableProgram(machine: number, paths: MachinePaths): Command {
  return copyFrames(paths.sideNetworkSocket, paths.sideCableSocket, `d${machine}`);
}

function copyFrames(networkSocket: string, cableSocket: string, machineEnd: string): Command {
  // 64 KiB is more than any frame; a smaller buffer would cut frames, not queue them.
  return [
    "socat",
    "-b65536",
    `UNIX-SENDTO:${networkSocket},bind=${cableSocket}`,
    `INTERFACE:${machineEnd}`,
  ];
}

/**
 * DHCP with an address per machine, DNS, and the same for IPv6. Machines that shall have IPv6
 * alone get no answer for IPv4.
 */
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
    `--dhcp-range=tag:${HAS_IPV4},${prefix}.2,${prefix}.250,255.255.255.0,1h`,
    `--dhcp-range=${prefix6}:2,${prefix6}:fa,64,1h`,
    "--enable-ra",
    // Often, as nodes have to stand that, and by default it is once in ten minutes.
    `--ra-param=${BRIDGE},10,1800`,
    `--dhcp-leasefile=${join(paths.directory, "leases")}`,
    `--pid-file=${join(paths.runtime, "dnsmasq.pid")}`,
    `--dhcp-option=option:ntp-server,${gateway}`,
    `--dhcp-option=option6:dns-server,[${gateway6}]`,
    `--dhcp-option=option6:sntp-server,[${gateway6}]`,
    // Whoever asks for the public pool by name gets our own time server.
    ...[`--address=/ntp.org/${gateway}`, `--address=/gateway.${domain}/${gateway}`],
    ...(machines.some(hasSideCard) ? sideArguments() : []),
    ...machines.map((machine) => `--dhcp-host=${reservation(machine)}`),
  ];
}

/** Whether a machine has a card in the network that leads nowhere. */
export function hasSideCard({ network: plugged }: MachineSettings): boolean {
  return plugged?.hasSideCard === true;
}

/** DHCP in the network that leads nowhere, which names no router. */
function sideArguments(): Command {
  const { prefix } = sideNetwork;
  return [
    `--interface=${SIDE_BRIDGE}`,
    `--dhcp-range=set:${SIDE},${prefix}.2,${prefix}.250,255.255.255.0,1h`,
    `--dhcp-option=tag:${SIDE},option:router`,
  ];
}

function reservation({ number, network: plugged }: MachineSettings): string {
  const mac = macAddress(number);
  const six = `[${ip6Address(number)}]`;
  if (plugged?.hasIpv4 === false) return [mac, six].join(",");
  return [mac, `set:${HAS_IPV4}`, ipAddress(number), six].join(",");
}

/** The door into the network, for connections that come in through `relay`. */
export function socksProgram(): Command {
  return ["microsocks", "-i", "127.0.0.1", "-p", String(SOCKS_PORT)];
}
