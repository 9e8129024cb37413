// The data partition: LUKS2 under XFS with project quotas, mounted at /data.
import { deviceSize } from "../../base/linux/block-device.ts";
import { isMountPoint, type MountSpec, mount, unmount } from "../../base/linux/mount.ts";
import { growXfs, xfsGeometry } from "../../base/linux/xfs.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { run } from "../../base/process/process.ts";
import { BLOCK_BYTES, type DataLayout, dataLayout } from "./data-layout.ts";
import { type Growing, size } from "./growth.ts";
import {
  addLuksKey,
  closeLuks,
  formatLuks,
  keepLuksKey,
  MAPPED_DEVICE,
  openLuks,
  opensLuks,
  type Protection,
} from "./luks.ts";

/** How a data partition is protected, and the key to it. */
export interface DataLock {
  readonly protection: Protection;
  /** Unused where the partition is insecure. */
  readonly passphrase: Uint8Array;
}

/** A data partition, or what stands for one where nodes are plain processes. */
export interface DataPartition {
  /** Makes it anew and mounts it. All that was on it is lost. */
  create(lock: DataLock, log: Logger): Promise<DataVolume>;
  /** Opens and mounts what was made before. */
  open(lock: DataLock): Promise<DataVolume>;
  /** Whether it opens with a passphrase. */
  opens(passphrase: Uint8Array): Promise<boolean>;
  /** Lets it open with another passphrase, too, for good; does nothing where it does. */
  addKey(present: Uint8Array, next: Uint8Array): Promise<void>;
  /** Lets it open with this passphrase alone, for good; gives how many others there were. */
  keepKey(passphrase: Uint8Array): Promise<number>;
  /** Unmounts and closes what an earlier attempt may have left. */
  release(): Promise<void>;
}

/** A mounted data partition. */
export interface DataVolume {
  /** Set where the file system may not cover its device yet. */
  readonly growing?: Growing;
}

/** Arguments of mkfs.xfs; with a layout, for the beginning of the device only. */
export function mkfsArguments(device: string, layout: DataLayout | undefined): readonly string[] {
  // No discard: it would undo the writing under authenticated encryption.
  const common = ["mkfs.xfs", "-q", "-f", "-K", "-b", `size=${BLOCK_BYTES}`];
  if (layout === undefined) return [...common, device];
  const { initialBytes, groupBytes, logBytes } = layout;
  const groups = initialBytes > groupBytes ? [`agsize=${groupBytes}`] : [];
  return [
    ...common,
    ...["-d", [`size=${initialBytes}`, ...groups].join(",")],
    // In the first group: the second is only begun, and too small for it.
    ...["-l", `internal=1,agnum=0,size=${logBytes}`],
    device,
  ];
}

/**
 * How much is on its way to the disk at once while others use it. More is not faster, and
 * whoever syncs a file meanwhile, as etcd does all the time, has to wait for all of it.
 */
const STEP_BYTES = 1n << 20n;

/** A part of a device. */
interface Extent {
  readonly start: bigint;
  readonly length: bigint;
}

/** Writes zeros, past the page cache and in the kernel, `step` bytes at a time. */
async function writeZeros(
  device: string,
  { start, length }: Extent,
  step: bigint,
  signal?: AbortSignal,
): Promise<void> {
  const place = [`--offset=${start}`, `--length=${length}`, `--step=${step}`];
  // Forced, because the beginning of the device may be mounted.
  const argv = ["blkdiscard", "--force", "--zeroout", ...place, device];
  await run(argv, { ...(signal && { signal }) });
}

function growing(device: string, target: string, layout: DataLayout): Growing {
  return {
    layout,
    covered: () => xfsGeometry(target).blocks * BLOCK_BYTES,
    zero: (start, length, signal) => writeZeros(device, { start, length }, STEP_BYTES, signal),
    grow: (end) => growXfs(target, end / BLOCK_BYTES),
  };
}

/** How the file system is mounted: what lies there is data, and neither devices nor programs. */
export function dataMount(device: string, target: string): MountSpec {
  return {
    source: device,
    target,
    type: "xfs",
    flags: ["noDev", "noExec", "noSuid", "noAtime"],
    data: "prjquota",
  };
}

async function mountXfs(
  device: string,
  target: string,
  protection: Protection,
): Promise<DataVolume> {
  mount(dataMount(device, target));
  if (protection !== "authenticated") return {};
  return { growing: growing(device, target, dataLayout(deviceSize(device))) };
}

/** How much is written between two notes of progress, while the operator waits. */
const NOTE_BYTES = 512n << 20n;

async function writeInitial(device: string, layout: DataLayout, log: Logger): Promise<void> {
  const { initialBytes, finalBytes } = layout;
  log.info(`Writing the first ${size(initialBytes)} of ${size(finalBytes)}`);
  for (let start = 0n; start < initialBytes; start += NOTE_BYTES) {
    const end = start + NOTE_BYTES < initialBytes ? start + NOTE_BYTES : initialBytes;
    const length = end - start;
    await writeZeros(device, { start, length }, length);
    log.info(`Written ${(end * 100n) / initialBytes}%`);
  }
}

async function create(
  partition: string,
  target: string,
  { protection, passphrase }: DataLock,
  log: Logger,
): Promise<DataVolume> {
  if (protection === "insecure") {
    log.warning("The data partition is not encrypted, as the cluster's configuration wants it");
    await run(mkfsArguments(partition, undefined));
    return mountXfs(partition, target, protection);
  }
  await formatLuks(partition, protection, passphrase);
  await openLuks(partition, protection, passphrase);
  const isAuthenticated = protection === "authenticated";
  const layout = isAuthenticated ? dataLayout(deviceSize(MAPPED_DEVICE)) : undefined;
  if (layout !== undefined) await writeInitial(MAPPED_DEVICE, layout, log);
  await run(mkfsArguments(MAPPED_DEVICE, layout));
  return mountXfs(MAPPED_DEVICE, target, protection);
}

async function open(
  partition: string,
  target: string,
  { protection, passphrase }: DataLock,
): Promise<DataVolume> {
  if (protection === "insecure") return mountXfs(partition, target, protection);
  await openLuks(partition, protection, passphrase);
  return mountXfs(MAPPED_DEVICE, target, protection);
}

/** Unmounts `target` and closes the device below, where an earlier attempt has left them. */
export async function releaseData(target: string): Promise<void> {
  // Not only once: an interrupted attempt may have mounted on top of another.
  while (isMountPoint(target)) unmount(target);
  await closeLuks();
}

/** The data partition of a machine, to be mounted on `target`. */
export function dataPartition(partition: string, target: string): DataPartition {
  return {
    create: (lock, log) => create(partition, target, lock, log),
    open: (lock) => open(partition, target, lock),
    opens: (passphrase) => opensLuks(partition, passphrase),
    addKey: (present, next) => addLuksKey(partition, present, next),
    keepKey: (passphrase) => keepLuksKey(partition, passphrase),
    release: () => releaseData(target),
  };
}
