// Names of files on the two kinds of media we make. Firmware, installer and node find each other's
// files by these alone.

/** Where firmware looks for something to boot on a disk it knows nothing about. */
export const REMOVABLE_LOADER = "EFI/BOOT/BOOTX64.EFI";

/** Files on the ESP of a node, relative to its root. */
export const ESP_PATHS = {
  /** systemd-boot, which picks the kernel image and counts its attempts. */
  loader: REMOVABLE_LOADER,
  loaderConfiguration: "loader/loader.conf",
  /** Folder of the unified kernel images, one per slot; names: see slots.ts. */
  kernels: "EFI/Linux",
  /** Folder of the node's own files below. */
  state: "metropolis",
  parameters: "metropolis/parameters.pb",
  sealedConfiguration: "metropolis/sealed_configuration.pb",
  clusterDirectory: "metropolis/cluster_directory.pb",
  networkConfiguration: "metropolis/network_configuration.pb",
  recovery: "metropolis/recovery.pb",
  registration: "metropolis/registration.pb",
  clock: "metropolis/clock",
} as const;

/** Files on the installer medium, relative to its root. */
export const MEDIUM_PATHS = {
  /** The installer itself: kernel and initramfs in one image. */
  installer: REMOVABLE_LOADER,
  bundle: "metropolis-installer/bundle.zip",
  parameters: "metropolis-installer/nodeparams.pb",
  /** SHA-256 of the parameters in hexadecimal: nothing in them would show that a bit has turned. */
  parametersHash: "metropolis-installer/nodeparams.sha256",
} as const;

/**
 * In the system image, relative to its root: PEM of the public policy keys, the newest last. Nodes
 * take them from nowhere else, as the image is what was verified.
 */
export const POLICY_KEYS_FILE = "usr/lib/metropolis/policy-keys.pem";
