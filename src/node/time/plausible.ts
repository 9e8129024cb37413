// Whether a clock can be right, before a time server has said anything. What time servers say is
// not proven, so it does not move a clock far that can be right: whoever is on the wire could let
// certificates end, or live again.
import { RELEASED } from "../../image/image.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** How long a machine may have been off. */
const OFF_MS = 400 * DAY_MS;
/** How long after it was made a release is installed. */
const IN_USE_MS = 3 * 365 * DAY_MS;

/** How far time servers move a clock that can be right; one in local time is 14 hours off. */
export const TRUSTED_MS: number = DAY_MS;

/** What is known of a clock when the node starts. */
export interface ClockFacts {
  /** What it says, in milliseconds since 1970. */
  readonly now: number;
  /** How long the kernel has been running. */
  readonly uptimeMs: number;
  /** What it said when it was last believed; absent where it never was. */
  readonly last?: number | undefined;
}

/** Whether it can be right. */
export function isPlausible({ now, uptimeMs, last }: ClockFacts): boolean {
  const released = RELEASED.getTime();
  // init sets a clock that is earlier to just this.
  if (now - uptimeMs < released + MINUTE_MS) return false;
  if (last === undefined) return now < released + IN_USE_MS;
  return now > last - TRUSTED_MS && now < last + OFF_MS;
}
