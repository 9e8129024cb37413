// What has to be mounted before any program can run.
import { existsSync, mkdirSync } from "node:fs";
import { type MountSpec, mount, mountPoints } from "../base/linux/mount.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";

/** What holds neither devices nor programs, and no program that makes its caller root. */
const quiet = ["noSuid", "noDev", "noExec"] as const;

function kernelFs(type: string, target: string, data = ""): MountSpec {
  return { source: type, target, type, flags: quiet, data };
}

/** In the order of mounting: each may lie on one before it. */
export const mountTable: readonly MountSpec[] = [
  kernelFs("proc", "/proc"),
  kernelFs("sysfs", "/sys"),
  // The kernel has mounted it already, except where it started from an initramfs.
  {
    source: "devtmpfs",
    target: "/dev",
    type: "devtmpfs",
    flags: ["noSuid", "noExec"],
    data: "mode=0755",
  },
  {
    source: "devpts",
    target: "/dev/pts",
    type: "devpts",
    flags: ["noSuid", "noExec"],
    data: "gid=5,mode=620,ptmxmode=666",
  },
  {
    source: "tmpfs",
    target: "/dev/shm",
    type: "tmpfs",
    flags: quiet,
    data: "mode=1777",
  },
  { source: "tmpfs", target: "/run", type: "tmpfs", flags: quiet, data: "mode=755" },
  { source: "tmpfs", target: "/tmp", type: "tmpfs", flags: quiet, data: "mode=1777" },
  // The layers of containers lie there: they hold programs.
  {
    source: "tmpfs",
    target: "/ephemeral",
    type: "tmpfs",
    flags: ["noSuid", "noDev"],
    data: "mode=755",
  },
  kernelFs("cgroup2", "/sys/fs/cgroup", "nsdelegate,memory_recursiveprot"),
  kernelFs("pstore", "/sys/fs/pstore"),
  kernelFs("securityfs", "/sys/kernel/security"),
  kernelFs("efivarfs", "/sys/firmware/efi/efivars"),
];

/** Absent on some machines, and then nobody misses them. */
const optional = new Set(["/sys/fs/pstore", "/sys/kernel/security", "/sys/firmware/efi/efivars"]);

/** Mounts all that is not mounted yet; a failure is logged, and the rest goes on. */
export function mountAll(log: Logger, table: readonly MountSpec[] = mountTable): void {
  for (const spec of table) {
    try {
      mountOnce(spec);
    } catch (error) {
      log.error(`Could not ${errorText(error)}; going on without ${spec.target}`);
    }
  }
}

function mountOnce(spec: MountSpec): void {
  if (isMounted(spec.target)) return;
  // Folders of the read-only system are there; those of an initramfs or of /dev may not be.
  if (!existsSync(spec.target)) {
    if (optional.has(spec.target)) return;
    mkdirSync(spec.target, { recursive: true });
  }
  mount(spec);
}

function isMounted(target: string): boolean {
  // Without /proc there is no mount table; but then nothing that we need is mounted either, bar /dev.
  if (!existsSync("/proc/self/mountinfo")) return false;
  return mountPoints().some((point) => point.target === target);
}
