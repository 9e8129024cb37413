// The system's clock: setting it, and whether a time server keeps it (clock_settime(2), adjtimex(2)).
import { check, libc } from "./syscall.ts";

const REALTIME = 0;
/** struct timex on 64-bit systems, and where its status lies. */
const TIMEX_BYTES = 208;
const STATUS_OFFSET = 40;
/** The kernel's word for a clock that nobody keeps. */
const UNSYNCHRONIZED = 0x40;

/** Sets the clock, to milliseconds since 1970. */
export function setClock(time: number): void {
  const seconds = Math.floor(time / 1_000);
  const nanoseconds = Math.round((time - seconds * 1_000) * 1_000_000);
  const timespec = new BigInt64Array([BigInt(seconds), BigInt(nanoseconds)]);
  const name = new Date(time).toISOString();
  check(libc().clock_settime(REALTIME, new Uint8Array(timespec.buffer)), "clock_settime", name);
}

/** Whether a program keeps the clock by what time servers say. */
export function isClockKept(): boolean {
  const timex = new Uint8Array(TIMEX_BYTES);
  check(libc().adjtimex(timex), "adjtimex", "clock");
  return (new DataView(timex.buffer).getInt32(STATUS_OFFSET, true) & UNSYNCHRONIZED) === 0;
}
