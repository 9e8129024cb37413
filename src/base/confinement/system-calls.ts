// System calls that no program needs unless it says so, in groups as systemd has them, with their
// numbers on x86-64 (the kernel's arch/x86/entry/syscalls/syscall_64.tbl; they never change).
//
// Those by which a process becomes somebody else are not among them: setpriv makes them after it
// has set the filter, and without capabilities they lead nowhere.

/** What a program may need beyond what all need. */
export const systemCallGroups = {
  /** Setting the clock. */
  clock: { settimeofday: 164, clock_settime: 227, adjtimex: 159, clock_adjtime: 305 },
  /** Changing the tree of file systems. */
  mount: {
    ...{ mount: 165, umount2: 166, pivot_root: 155, move_mount: 429, open_tree: 428, fsopen: 430 },
    ...{ fsconfig: 431, fsmount: 432, fspick: 433, mount_setattr: 442 },
    ...{ quotactl: 179, quotactl_fd: 443 },
  },
  chroot: { chroot: 161 },
  /** Making device nodes; for pipes and files there are other calls. */
  device: { mknod: 133, mknodat: 259 },
  keyring: { add_key: 248, request_key: 249, keyctl: 250 },
  /** Names of the machine, and how a program sees it. */
  system: {
    ...{ acct: 163, vhangup: 153, sethostname: 170, setdomainname: 171, personality: 135 },
  },
  /** New namespaces, by clone as well; see filter.ts. */
  namespace: { unshare: 272, setns: 308 },
  /** Its arguments lie in memory, where a filter cannot see which namespaces it makes. */
  clone3: { clone3: 435 },
  module: {
    ...{ init_module: 175, finit_module: 313, delete_module: 176, create_module: 174 },
    ...{ get_kernel_syms: 177, query_module: 178 },
  },
  rawIo: { ioperm: 173, iopl: 172 },
  reboot: { reboot: 169, kexec_load: 246, kexec_file_load: 320 },
  swap: { swapon: 167, swapoff: 168 },
  /** Looking into other processes, and into the kernel. */
  debug: {
    ...{ ptrace: 101, process_vm_readv: 310, process_vm_writev: 311, process_madvise: 440 },
    ...{ kcmp: 312, pidfd_getfd: 438, perf_event_open: 298, lookup_dcookie: 212, syslog: 103 },
  },
  bpf: { bpf: 321, userfaultfd: 323 },
  ioUring: { io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
  /** Files past their folders, and what others do with files. */
  handle: {
    ...{ name_to_handle_at: 303, open_by_handle_at: 304, fanotify_init: 300, fanotify_mark: 301 },
  },
  obsolete: {
    ...{ modify_ldt: 154, _sysctl: 156, uselib: 134, ustat: 136, sysfs: 139, getpmsg: 181 },
    ...{ putpmsg: 182, afs_syscall: 183, tuxcall: 184, security: 185, vserver: 236 },
    ...{ nfsservctl: 180, epoll_ctl_old: 214, epoll_wait_old: 215 },
    ...{ set_thread_area: 205, get_thread_area: 211 },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The name of a group. */
export type SystemCallGroup = keyof typeof systemCallGroups;

/** All groups. */
export const allGroups = Object.keys(systemCallGroups) as readonly SystemCallGroup[];

/** The calls that a filter looks at the arguments of, or answers in a way of its own. */
export const numbers = {
  clone: 56,
  fork: 57,
  vfork: 58,
  socket: 41,
  socketpair: 53,
  kill: 62,
  tkill: 200,
  tgkill: 234,
  rt_sigqueueinfo: 129,
  rt_tgsigqueueinfo: 297,
  pidfd_send_signal: 424,
  clone3: systemCallGroups.clone3.clone3,
  /** mseal, the last that Linux 6.12 has: what comes later nobody here has looked at. */
  last: 462,
} as const;
