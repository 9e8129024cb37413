// What the kernel is told before any other program runs. initramfs/kernel-hardening.json has the
// public rules that this follows, and why it departs from some.

/** Settings below /proc/sys by their dotted names. What the network needs is the network's. */
export const kernelSettings: Readonly<Record<string, string>> = {
  // Of the kernel's own lines, the console shows errors and worse: people read it.
  "kernel.printk": "4 4 1 7",

  // Where things lie in the kernel, and what it has to say, is for programs with the right to it.
  "kernel.dmesg_restrict": "1",
  "kernel.kptr_restrict": "2",
  "kernel.perf_event_paranoid": "3",
  // Only who has the capability for it looks into other processes: gVisor does.
  "kernel.yama.ptrace_scope": "2",
  // A kernel that keeps complaining is being tried out, or broken; its resets are counted.
  "kernel.oops_limit": "100",
  "kernel.warn_limit": "100",

  // Parts of the kernel that were written for root alone. Kubernetes, which is root, makes user
  // namespaces for its pods all the same.
  "kernel.unprivileged_userns_clone": "0",
  "kernel.unprivileged_bpf_disabled": "1",
  "net.core.bpf_jit_harden": "2",

  // Nobody is led astray by links and files that others have put into a shared folder.
  "fs.protected_symlinks": "1",
  "fs.protected_hardlinks": "1",
  "fs.protected_fifos": "2",
  "fs.protected_regular": "2",

  // A neighbour does not choose where our packets go.
  "net.ipv4.conf.all.accept_redirects": "0",
  "net.ipv4.conf.default.accept_redirects": "0",
  "net.ipv6.conf.all.accept_redirects": "0",
  "net.ipv6.conf.default.accept_redirects": "0",
  "net.ipv4.conf.default.accept_source_route": "0",
};
