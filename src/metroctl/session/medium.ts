// Where genusb writes to: a new image file, or a device whose content is lost.
// A device is destroyed only after its owner said so, and never while mounted.
import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { formatSize } from "../../base/format/size.ts";
import { type Progress, writeInstallerMedium } from "../../image/image.ts";
import { InterruptedError, UserError } from "../output/user-error.ts";
import { requireFileTarget, statOf } from "./file-target.ts";
import { confirm } from "./prompt.ts";

/** A medium to be written. */
export interface Medium {
  /** A file, made or replaced, or a block device. */
  readonly target: string;
  /** Path of the bundle. */
  readonly bundle: string;
  /** Serialized NodeParameters. */
  readonly parameters: Uint8Array;
  /** Whether the question before overwriting a device was answered by `--yes`. */
  readonly isConfirmed: boolean;
  readonly progress: Progress;
  /** Stops the work: a file is left as it was before, a device is said to be of no use. */
  readonly signal: AbortSignal;
}

/**
 * Looks whether target and bundle can be what they should.
 *
 * Throws a {@link UserError} for a bundle that is not there, a target that is neither a file nor
 * a whole device, and a device that is absent.
 */
export function checkPaths({ target, bundle }: Pick<Medium, "target" | "bundle">): void {
  requireBundle(bundle);
  if (isDevice(target)) requireWholeDevice(target);
  else requireFileTarget(target);
}

/** Throws a {@link UserError} where no file is at a bundle's path. */
export function requireBundle(path: string): void {
  if (statOf(path)?.isFile() === true) return;
  throw new UserError(`there is no bundle ${path}: give --bundle=<path>`);
}

function requireWholeDevice(target: string): void {
  const name = basename(realpathSync(target));
  if (existsSync(`/sys/class/block/${name}/partition`))
    throw new UserError(
      `${target} is a partition, no machine starts from it: name the whole device`,
    );
}

function isDevice(target: string): boolean {
  return statOf(target)?.isBlockDevice() === true;
}

/**
 * Writes the medium and reads it back to compare.
 *
 * Throws a {@link UserError} for a mounted device, a missing bundle, a bundle
 * that does not match its manifest, and a target that is too small.
 */
export async function writeMedium(medium: Medium): Promise<void> {
  const { target, bundle, parameters, isConfirmed, progress, signal } = medium;
  checkPaths(medium);
  const onDevice = isDevice(target);
  if (onDevice) await checkDevice(target, isConfirmed);
  await writeInstallerMedium({
    target,
    bundlePath: bundle,
    nodeParameters: parameters,
    ...(onDevice ? { deviceBytes: sizeOf(target), sectorSize: sectorSizeOf(target) } : {}),
    // Called at each percent: often enough to stop here, and what is thrown undoes the work.
    progress: (step) => {
      if (signal.aborted) throw new InterruptedError(interruptedText(target, onDevice));
      progress(step);
    },
  });
}

function interruptedText(target: string, onDevice: boolean): string {
  if (!onDevice) return `interrupted: ${target} is as it was before`;
  return `interrupted: ${target} holds no working medium now; run the command again to write it`;
}

async function checkDevice(target: string, isConfirmed: boolean): Promise<void> {
  const mount = mountOf(realpathSync(target), readFileSync("/proc/self/mounts", "utf8"));
  if (mount !== undefined)
    throw new UserError(
      `${target} is in use: ${mount.device} is mounted on ${mount.folder}; unmount it first`,
    );
  if (isConfirmed) return;
  const size = formatSize(sizeOf(target));
  const question = `Everything on ${target} (${size}) will be lost. Go on (yes/no)? `;
  if (!(await confirm(question, "--yes"))) throw new UserError(`nothing was written to ${target}`);
}

/** A mounted device that is the target or one of its partitions. */
export function mountOf(target: string, mounts: string) {
  const isPart = (device: string) =>
    device === target || (device.startsWith(target) && /^p?\d+$/.test(device.slice(target.length)));
  const [line] = mounts.split("\n").filter((text) => isPart(text.split(" ")[0] ?? ""));
  const [device = "", folder = ""] = line?.split(" ") ?? [];
  return line === undefined ? undefined : { device, folder };
}

/** What the kernel says; 512 where it says nothing, as on macOS. */
function sectorSizeOf(target: string): 512 | 4096 {
  const name = basename(realpathSync(target));
  const path = `/sys/class/block/${name}/queue/logical_block_size`;
  return existsSync(path) && readFileSync(path, "utf8").trim() === "4096" ? 4096 : 512;
}

/** The size of a device: where its end is. */
function sizeOf(target: string): number {
  const file = openSync(target, "r");
  try {
    return lastByte(file) + 1;
  } finally {
    closeSync(file);
  }
}

/** By halving: the stat of a device says 0, and an ioctl would need more than metroctl has. */
function lastByte(file: number): number {
  const isThere = (at: number) => readSync(file, new Uint8Array(1), 0, 1, at) === 1;
  let [low, high] = [0, 1];
  while (isThere(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isThere(middle)) low = middle;
    else high = middle;
  }
  return low;
}
