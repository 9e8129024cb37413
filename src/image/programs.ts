// What runs on a node: every program of the system image that is ever started, and all that it may
// do. Whatever is not said here the kernel refuses it; a program that has no row does not start.
//
// `init` alone has no row: PID 1 is root with all capabilities, and confines the node agent; the
// agent confines all others. Nobody gains anything on the way down: what a program needs, the agent
// must have.
import type {
  Account,
  Capability,
  Confinement,
  SystemCallGroup,
  View,
} from "../base/confinement/confinement.ts";

/** Users of the system image, each with a group of its own of the same number; see etc/passwd. */
export const accounts = {
  ...{ root: 0, dhcpcd: 100, _chrony: 101, etcd: 102 },
  /** The curator. */
  curator: 103,
  /** Tools that set up the network. */
  network: 104,
} as const;

/** What a program may do. */
export interface ProgramRow {
  /** What is executed; its last name is what the program finds as its own. */
  readonly path: string;
  readonly account: keyof typeof accounts;
  /** Whom it turns into by itself once it has set up what only the first may. */
  readonly becomes?: keyof typeof accounts;
  readonly capabilities: readonly Capability[];
  /** Groups of system calls beyond those that everybody has. */
  readonly systemCalls: readonly SystemCallGroup[];
  /** It starts no processes, and talks by the Internet and unix sockets only. */
  readonly isAlone?: true;
  /** Where it listens, as long as it does. */
  readonly ports: readonly string[];
  /** Who else may pass its folders below /run, to sockets that it serves there. */
  readonly serves?: keyof typeof accounts;
  /** Paths that there are for it, with all below them; absent: all. */
  readonly view?: Omit<View, "starts">;
  /** What it starts itself, by the path that is executed. */
  readonly starts?: readonly string[];
}

/** Stands for the device files among a program's arguments. */
export const ITS_DEVICE = "its device";

/** What dynamically linked programs are started by. */
const LOADER = "/usr/lib64/ld-linux-x86-64.so.2";

/** Nobody's secret: the verified system and names, without which next to nothing starts. */
const SYSTEM = ["/usr", "/etc"] as const;
/** What the kernel tells everybody; what is another process's it guards itself. */
const KERNEL = ["/proc", "/sys"] as const;
/** Names of hosts, and who resolves them. */
const NAMES = "/ephemeral/names";
const EXECUTABLE = "/init";

const none = { ports: [], systemCalls: [] } as const;
/** Root without capabilities is the owner of device files, and nothing else. */
const device = { ...none, account: "root" } as const;

/** The table. */
export const programs: Readonly<Record<string, ProgramRow>> = {
  node: {
    path: "/usr/lib/metropolis/node",
    account: "root",
    capabilities: [
      // Files of others: it makes them, hands them over and erases them.
      ...(["chown", "dac_override", "fowner", "fsetid"] as const),
      // Others start with less than it has, as somebody else, and are ended by it.
      ...(["setuid", "setgid", "setpcap", "kill"] as const),
      // Mounts, names the machine, grows file systems, reads the kernel's messages.
      ...(["sys_admin", "sys_resource", "syslog"] as const),
      // Not for itself: no program gets what the agent has not.
      ...(["net_admin", "net_raw", "net_bind_service"] as const),
      ...(["sys_time", "sys_chroot", "mknod", "ipc_lock"] as const),
    ],
    systemCalls: ["mount", "system", "clone3", "clock", "chroot", "device", "keyring"],
    ports: ["7839/tcp", "7847/tcp", "7847/udp"],
  },
  curator: {
    path: "/usr/lib/metropolis/curator",
    account: "curator",
    capabilities: [],
    systemCalls: [],
    isAlone: true,
    ports: ["7835/tcp"],
    view: {
      reads: [...SYSTEM, ...KERNEL, NAMES, "/data/node/credentials"],
      writes: ["/run/metropolis/curator"],
    },
    starts: [EXECUTABLE],
  },
  etcd: {
    path: "/usr/bin/etcd",
    account: "etcd",
    capabilities: [],
    systemCalls: [],
    isAlone: true,
    ports: ["7834/tcp", "7836/tcp", "7842/tcp"],
    serves: "curator",
    view: {
      reads: [...SYSTEM, ...KERNEL, NAMES, "/data/etcd/peer_pki"],
      writes: ["/data/etcd/data", "/run/metropolis/etcd"],
    },
  },
  etcdutl: {
    ...{ path: "/usr/bin/etcdutl", account: "etcd", capabilities: [], isAlone: true, ...none },
    view: { reads: [...SYSTEM, ...KERNEL], writes: ["/data/etcd"] },
  },
  chronyd: {
    path: "/usr/sbin/chronyd",
    account: "_chrony",
    capabilities: ["sys_time"],
    systemCalls: ["clock"],
    isAlone: true,
    ports: [],
    view: { reads: [...SYSTEM, ...KERNEL, NAMES], writes: ["/run/chrony", "/run/lib/chrony"] },
  },
  chronyc: {
    ...{ path: "/usr/bin/chronyc", account: "_chrony", capabilities: [], isAlone: true, ...none },
    view: { reads: SYSTEM, writes: ["/run/chrony"] },
  },
  dhcpcd: {
    path: "/usr/sbin/dhcpcd",
    account: "root",
    // All of it but one process that does what root must, and sees no packets.
    becomes: "dhcpcd",
    capabilities: [
      ...(["net_admin", "net_raw", "net_bind_service"] as const),
      ...(["setuid", "setgid", "sys_chroot", "kill", "chown"] as const),
    ],
    systemCalls: ["chroot"],
    ports: ["68/udp", "546/udp"],
    view: {
      reads: [
        ...SYSTEM,
        "/proc",
        "/sys",
        "/run/metropolis/dhcpcd.conf",
        "/run/udev",
        "/var/empty",
        "/dev/urandom",
      ],
      writes: ["/proc/sys/net", "/run/dhcpcd", "/run/lib/dhcpcd"],
    },
    starts: ["/usr/lib/metropolis/dhcp-hook", EXECUTABLE],
  },
  ip: {
    path: "/usr/sbin/ip",
    ...{ account: "network", capabilities: ["net_admin"], isAlone: true, ...none },
    view: { reads: [...SYSTEM, ...KERNEL], writes: [] },
  },
  wg: {
    path: "/usr/bin/wg",
    ...{ account: "network", capabilities: ["net_admin"], isAlone: true, ...none },
    view: { reads: [...SYSTEM, "/proc/net", "/run/metropolis/clusternet"], writes: [] },
  },
  ss: {
    path: "/usr/bin/ss",
    ...{ account: "network", capabilities: ["net_admin"], isAlone: true, ...none },
    view: { reads: [...SYSTEM, "/proc"], writes: [] },
  },
  tpm2: {
    ...device,
    ...{ path: "/usr/bin/tpm2", capabilities: [], isAlone: true },
    view: { reads: [...SYSTEM, "/sys"], writes: ["/dev/tpmrm0", "/run/tpm"] },
  },
  cryptsetup: {
    ...device,
    path: "/usr/sbin/cryptsetup",
    // The device mapper asks for the first; the others make its nodes and keep keys from swap.
    capabilities: ["sys_admin", "mknod", "ipc_lock"],
    systemCalls: ["device", "keyring"],
    view: {
      reads: [...SYSTEM, ...KERNEL, "/dev/urandom", "/dev/random"],
      writes: ["/dev/mapper", ITS_DEVICE, "/run/cryptsetup"],
      // It goes to its locks by way of it.
      lists: ["/run"],
    },
  },
  "mkfs.xfs": {
    ...device,
    // For the kernel to take the block size.
    ...{ path: "/usr/sbin/mkfs.xfs", capabilities: ["sys_admin"] },
    view: { reads: [...SYSTEM, ...KERNEL], writes: [ITS_DEVICE] },
  },
  blkdiscard: {
    ...device,
    ...{ path: "/usr/sbin/blkdiscard", capabilities: [] },
    view: { reads: [...SYSTEM, ...KERNEL], writes: [ITS_DEVICE] },
  },
  "fsck.fat": {
    ...device,
    ...{ path: "/usr/sbin/fsck.fat", capabilities: [] },
    view: { reads: [...SYSTEM, ...KERNEL], writes: [ITS_DEVICE] },
  },
};

/** User and group of a name. */
export function accountOf(name: keyof typeof accounts): Account {
  return { uid: accounts[name], gid: accounts[name] };
}

/** What a row comes to for a program that is started with these arguments. */
export function confinementOf(row: ProgramRow, args: readonly string[] = []): Confinement {
  const { account, capabilities, systemCalls, isAlone = false, view, starts = [] } = row;
  const devices = args.filter((each) => each.startsWith("/dev/"));
  return {
    account: accountOf(account),
    capabilities,
    systemCalls: { groups: systemCalls, isAlone },
    ...(view && {
      view: {
        ...view,
        writes: [
          "/dev/null",
          ...view.writes.flatMap((path) => (path === ITS_DEVICE ? devices : path)),
        ],
        starts: [LOADER, row.path, ...starts],
      },
    }),
  };
}
