// What chronyd says that an operator has to hear.

/** By how much time servers want the clock changed, in seconds, where chronyd does not follow them. */
export function refusedChange(line: string): number | undefined {
  const [, seconds] =
    /Adjustment of (-?[\d.]+) seconds exceeds the allowed maximum/.exec(line) ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

/** A duration as people say it: `3650 days`, `30 hours`. */
export function durationText(seconds: number): string {
  const hours = Math.round(Math.abs(seconds) / 3_600);
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
