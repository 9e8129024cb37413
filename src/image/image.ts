// The image room: what the disks and media of Metropolis look like, for those who make them
// (build, metroctl), those who install them (installer) and those who live on them (node).
//
//   bundle.zip ──────────────── made by the build: manifest, system image, three EFI images
//      │
//      │ writeInstallerMedium: metroctl, on a workstation
//      ▼
//   installer medium            GPT with one ESP: installer.efi, bundle.zip, nodeparams.pb
//      │
//      │ writeNodeDisk: the installer, on the machine itself
//      ▼
//   node disk                   ESP       systemd-boot, a kernel image per slot, metropolis/*.pb
//                               SYSTEM-A  erofs and its verity tree; GUID from the root hash
//                               SYSTEM-B  empty until the first update
//                               NODE-DATA the rest; made by the node at its first boot
//
// All of this is plain reading and writing at offsets, so it runs on any system and its tests need
// no disk. It does not know what is inside the node's own files.
export { BUNDLE_FILES, type Bundle, openBundle, openBundleBytes } from "./bundle.ts";
export { type BundleInput, writeBundle } from "./bundle-writer.ts";
export { type DiskContent, diskContent, isInstallation } from "./disk-content.ts";
export { EPOCH, epochReference } from "./epoch.ts";
export { ImageError } from "./image-error.ts";
export { type InstalledDisk, type InstallOptions, writeNodeDisk } from "./install.ts";
export {
  type DiskPlan,
  ESP_LABEL,
  type Extent,
  minimumDiskBytes,
  PARTITION_NAME,
  PARTITION_TYPE,
  type PartitionRole,
  planDisk,
  slotBytes,
  slotId,
} from "./layout.ts";
export type { BundleFile, Manifest, VerityManifest } from "./manifest.ts";
export {
  IMAGE_PCRS,
  POLICY_SECTION,
  predictPcrs,
  RUNNING,
  RUNNING_PCR,
} from "./measured-boot.ts";
export { type MediumOptions, writeInstallerMedium } from "./medium.ts";
export { ESP_PATHS, MEDIUM_PATHS, POLICY_KEYS_FILE, REMOVABLE_LOADER } from "./paths.ts";
export { POD_NETWORK, podNetwork6, podNetworks } from "./pod-networks.ts";
export {
  accountOf,
  accounts,
  confinementOf,
  type ProgramRow,
  programs,
} from "./programs.ts";
export type { Progress, ProgressStep } from "./progress.ts";
export { RELEASED } from "./release-time.ts";
export {
  formatKernelName,
  type KernelName,
  kernelPath,
  otherSlot,
  parseKernelName,
  runningSlotId,
  type Slot,
} from "./slots.ts";
