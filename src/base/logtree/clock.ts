// The time of log entries: microseconds that follow the system clock.
import type { Moment } from "./entry.ts";

/** Beyond this the system clock was set, and the high-resolution clock has to follow. */
const DRIFT_MS = 2;
/** Who was put aside between reading one clock and the other compares two moments. */
const ONE_MOMENT_MS = 1;

let origin = performance.timeOrigin;

/**
 * The time of now.
 *
 * Date.now() has milliseconds only; performance.now() is finer but counts from
 * the start of the process and does not notice when NTP sets the clock, which
 * happens on every boot. So the fine clock runs, and the system clock corrects it.
 */
export function now(): Moment {
  const before = performance.now();
  const wall = Date.now();
  const elapsed = performance.now();
  const isDrift = Math.abs(origin + elapsed - wall) > DRIFT_MS;
  if (isDrift && elapsed - before < ONE_MOMENT_MS) origin = wall - elapsed;
  return moment((origin + elapsed) * 1_000);
}

/** The moment that is `microseconds` after the epoch. */
export function moment(microseconds: number): Moment {
  const whole = Math.floor(microseconds);
  const milliseconds = Math.floor(whole / 1_000);
  return { time: new Date(milliseconds), micros: whole - milliseconds * 1_000 };
}
