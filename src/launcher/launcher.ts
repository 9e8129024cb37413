// Whole clusters on one machine: virtual machines with Secure Boot, TPM, disk and
// console, or plain processes in namespaces that stand for machines; on a private
// network of their own that nothing leaves.
//
//   whoever: metroctl cluster, tests        127.0.0.1:<proxy port>  SOCKS5
//       │ control socket                             │
//   ┌ keeper, outside ───────────────────────────────┴──────────────┐ host
//   │   └ keeper, inside ─ namespaces: PID, network, mounts (, user)│
//   │       ├ bridge 10.1.0.1, DHCP, DNS, time, SOCKS5 server       │
//   │       ├ per virtual machine: swtpm, QEMU, cable               │
//   │       └ per process machine: shell, node agent, cable         │
//   └───────────────────────────────────────────────────────────────┘
//
// A cluster lives in a folder: settings, disks, firmware variables, TPM states and
// console logs. Its processes all hang off one keeper and die with it, so that
// nothing is left behind by `destroy`, by Ctrl-C or by a crash.
export { bootsOnKvm, chooseAccelerator, slowness } from "./accelerator.ts";
export {
  attachConsole,
  Cluster,
  type ClusterSummary,
  destroyCluster,
  listClusters,
  openCluster,
  startCluster,
} from "./cluster.ts";
export { ConsoleLog, plainText, type Terminal } from "./console-log.ts";
export {
  buildOutputs,
  type ClusterOptions,
  createCluster,
  type MachineOptions,
  type Progress,
} from "./create.ts";
export { copySparse, parseSize } from "./disk.ts";
export type { MachineStatus } from "./hardware.ts";
export { keeper } from "./keeper.ts";
export { LauncherError } from "./launcher-error.ts";
export type { Machine } from "./machine.ts";
export { installLine, isInstalled, missingPackages, needs } from "./packages.ts";
export { clusterPaths, clustersDirectory } from "./paths.ts";
export type { PowerOnOptions } from "./qemu.ts";
export { isReachable, waitForPort } from "./reach.ts";
export {
  type Accelerator,
  ip6Address,
  ipAddress,
  type MachineNetwork,
  network,
} from "./settings.ts";
export { manufactureTpm } from "./tpm.ts";
