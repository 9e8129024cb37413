// When a certificate is due for another one: long before its end, and when it was issued by a
// clock that was wrong. Who issues and who asks have to agree on it.
import { expiry } from "./verify.ts";

/** How long certificates of nodes and users hold. */
export const VALID_DAYS = 730;
/** What is left of that when the next one is issued. */
const RENEW_DAYS = 180;
/** How far the clocks of those who issue may be apart. */
const TOLERANCE_DAYS = 1;
const DAY_MS = 86_400_000;

function daysLeft(der: Uint8Array, now: number): number {
  return (expiry(der).getTime() - now) / DAY_MS;
}

/** Whether the end is near, or past. */
export function isEnding(der: Uint8Array, now = Date.now()): boolean {
  return daysLeft(der, now) < RENEW_DAYS;
}

/** The same, or so far that the clock was ahead by which it was chosen. */
export function isDue(der: Uint8Array, now = Date.now()): boolean {
  return isEnding(der, now) || daysLeft(der, now) > VALID_DAYS + TOLERANCE_DAYS;
}
