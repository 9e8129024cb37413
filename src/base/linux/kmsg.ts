// The kernel's own log, read record by record.
import { closeSync, constants, openSync, readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** No record is longer than this; a shorter buffer would make the kernel refuse. */
const RECORD_BYTES = 8192;
/** How often to look for news: the device cannot wake us without holding a thread. */
const PERIOD_MS = 250;

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The next record; undefined if there is none now, null if some were overwritten unread. */
function next(fd: number, buffer: Uint8Array): string | undefined | null {
  try {
    return new TextDecoder().decode(buffer.subarray(0, readSync(fd, buffer)));
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return undefined;
    if (errorCode(error) === "EPIPE") return null;
    throw error;
  }
}

/**
 * Gives the raw records (`level,sequence,microseconds,flags;text`) since boot, then each new one.
 * Records that were overwritten before they could be read are silently left out; sequence
 * numbers show the gap. Ends when the signal aborts.
 */
export async function* readKmsg(signal: AbortSignal, path = "/dev/kmsg"): AsyncGenerator<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = new Uint8Array(RECORD_BYTES);
    while (!signal.aborted) {
      const record = next(fd, buffer);
      if (record === "") return;
      if (record === undefined) await delay(PERIOD_MS, undefined, { signal }).catch(() => {});
      else if (record !== null) yield record;
    }
  } finally {
    closeSync(fd);
  }
}
