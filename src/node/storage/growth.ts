// Growing the file system on the data partition behind the running node: the next
// chunk is written with zeros, then the file system grows over it (data-layout.ts).
//
// The size of the file system is the only record of how far this has come. It never
// covers a sector that was not written, whenever the power goes: the worst that can
// happen is that a chunk is written twice.
import { sleep } from "../../base/event/event.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { type Chunk, type DataLayout, nextChunk } from "./data-layout.ts";

/** Written between two rests; small, so that nobody has to share the disk for long. */
const STEP_BYTES = 16n << 20n;

/** Progress goes into the log at every so many percent. */
const REPORT_PERCENT = 10n;

/** A mounted data partition that is smaller than its device. */
export interface Growing {
  readonly layout: DataLayout;
  /** How far the file system reaches. */
  covered(): bigint;
  /** Writes zeros to a part of the device beyond the file system. */
  zero(start: bigint, length: bigint, signal: AbortSignal): Promise<void>;
  /** Makes the file system reach to `end`. */
  grow(end: bigint): void;
}

/** The time as this file needs it; tests have their own. */
export interface Pace {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const realPace: Pace = { now: () => performance.now(), sleep };

/** Writes a chunk and rests as long as each step took: half of the disk's time is for others. */
async function writeChunk(disk: Growing, chunk: Chunk, signal: AbortSignal, pace: Pace) {
  for (let start = chunk.start; start < chunk.end; start += STEP_BYTES) {
    const left = chunk.end - start;
    const began = pace.now();
    await disk.zero(start, left < STEP_BYTES ? left : STEP_BYTES, signal);
    await pace.sleep(pace.now() - began, signal);
  }
}

/** Whether the file system covers its whole device. */
export function isGrown(disk: Growing): boolean {
  return nextChunk(disk.layout, disk.covered()) === undefined;
}

/** Grows the file system until it covers its whole device. */
export function growth(disk: Growing, pace: Pace = realPace): Runnable {
  return async ({ signal, log, healthy, done }) => {
    healthy();
    const { finalBytes } = disk.layout;
    let reported = percent(disk.covered(), finalBytes);
    for (;;) {
      const covered = disk.covered();
      const chunk = nextChunk(disk.layout, covered);
      if (chunk === undefined) break;
      if (covered === disk.layout.initialBytes) {
        log.info(`Preparing the rest of the data partition, ${size(finalBytes - covered)}`);
      }
      await writeChunk(disk, chunk, signal, pace);
      disk.grow(chunk.end);
      const now = percent(chunk.end, finalBytes);
      if (now >= reported + REPORT_PERCENT && now < 100n) {
        log.info(`Data partition prepared to ${now}%`);
        reported = now;
      }
    }
    log.info(`Data partition is ready in full, ${size(disk.covered())}`);
    done();
  };
}

function percent(part: bigint, whole: bigint): bigint {
  return (part * 100n) / whole;
}

/** A size as a person reads it. */
export function size(bytes: bigint): string {
  const gib = Number(bytes) / 2 ** 30;
  return `${gib.toFixed(gib < 100 ? 1 : 0)} GiB`;
}
