// The two system slots: which one runs, and how boot attempts are counted.
//
// systemd-boot counts in the name of the kernel image. `metropolis-a+3.efi` may be tried three
// times; after a first attempt it is called `metropolis-a+2-1.efi`. A system that came up well
// removes the counter, and one that never does is no longer chosen: that is the roll-back.
import { FormatError } from "../base/format/format.ts";
import { ESP_PATHS } from "./paths.ts";

/** A system slot. */
export type Slot = "a" | "b";

/** How often a new system may fail to come up before the other one is used again. */
export const BOOT_ATTEMPTS = 3;

/** The name of a slot's kernel image. */
export interface KernelName {
  readonly slot: Slot;
  /** Absent once the system has proved itself. */
  readonly attempts?: {
    readonly left: number;
    readonly done: number;
  };
}

const NAME = /^metropolis-([ab])(?:\+(\d{1,3})(?:-(\d{1,3}))?)?\.efi$/i;

/** Reads the name of a kernel image; undefined for files that are none of ours. */
export function parseKernelName(file: string): KernelName | undefined {
  const match = NAME.exec(file);
  if (match === null) return undefined;
  const slot = match[1]?.toLowerCase() === "a" ? "a" : "b";
  if (match[2] === undefined) return { slot };
  return { slot, attempts: { left: Number(match[2]), done: Number(match[3] ?? 0) } };
}

/** The name of a kernel image. */
export function formatKernelName({ slot, attempts }: KernelName): string {
  if (attempts === undefined) return `metropolis-${slot}.efi`;
  const done = attempts.done > 0 ? `-${attempts.done}` : "";
  return `metropolis-${slot}+${attempts.left}${done}.efi`;
}

/** Where a slot's kernel image goes when it is new. */
export function kernelPath(slot: Slot): string {
  const attempts = { left: BOOT_ATTEMPTS, done: 0 };
  return `${ESP_PATHS.kernels}/${formatKernelName({ slot, attempts })}`;
}

/** The slot that an update goes to. */
export function otherSlot(slot: Slot): Slot {
  return slot === "a" ? "b" : "a";
}

/**
 * The GUID of the partition that the running system was verified from.
 *
 * It comes from the kernel's command line, which is part of the signed image. Throws a
 * FormatError for a command line without it, such as the installer's.
 */
export function runningSlotId(commandLine: string): string {
  const match = /\bdm-mod\.create="[^"]*? verity \d+ PARTUUID=([0-9a-fA-F-]{36}) /.exec(
    commandLine,
  );
  if (match?.[1] === undefined) {
    throw new FormatError("kernel command line names no system partition");
  }
  return match[1].toLowerCase();
}
