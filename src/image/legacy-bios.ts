// What a legacy BIOS shows that is told to start from a medium or disk of ours.
import { bootMessage } from "../base/format/boot-code.ts";

/** For the first sector; each line fits an old screen. */
export const NEEDS_UEFI = bootMessage([
  "Metropolis needs UEFI, and a legacy BIOS has started this machine.",
  "Switch the firmware to UEFI mode, without a compatibility module.",
]);
