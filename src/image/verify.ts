// Reading back what was written: a stick or disk that lies is found before anyone relies on it.
import { createHash, type Hash } from "node:crypto";
import { type BlockDevice, type BlockReader, deviceSource } from "../base/format/block-device.ts";
import { ImageError } from "./image-error.ts";
import { type Progress, reportSteps } from "./progress.ts";
import { sha256Of } from "./sha256.ts";

/** A part of a disk and what it must hold. */
export interface Region {
  readonly offset: number;
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** A device that remembers what went to it. */
export interface RecordingDevice extends BlockDevice {
  /** Everything written, as one region for each run of writes that followed one another. */
  regions(): readonly Region[];
}

interface Run {
  readonly offset: number;
  end: number;
  readonly hash: Hash;
}

/**
 * Hashes what is written to a device on its way there.
 *
 * No byte may be written twice, or the record would not be what the disk holds.
 */
export function recordWrites(device: BlockDevice): RecordingDevice {
  const runs: Run[] = [];
  return {
    size: device.size,
    read: (offset, length) => device.read(offset, length),
    sync: () => device.sync(),
    async write(offset, bytes) {
      await device.write(offset, bytes);
      runFor(runs, offset, bytes.length).hash.update(bytes);
    },
    regions: () =>
      runs.map(({ offset, end, hash }) => {
        return { offset, size: end - offset, sha256: hash.copy().digest("hex") };
      }),
  };
}

function runFor(runs: Run[], offset: number, length: number): Run {
  const last = runs.at(-1);
  if (last?.end === offset) {
    last.end += length;
    return last;
  }
  const overlapping = runs.some((run) => offset < run.end && offset + length > run.offset);
  if (overlapping) throw new ImageError(`byte ${offset} would be written twice`);
  const run = { offset, end: offset + length, hash: createHash("sha256") };
  runs.push(run);
  return run;
}

/** Reads regions and throws an ImageError at the first that is not as it was written. */
export async function verifyRegions(
  device: BlockReader,
  what: string,
  regions: readonly Region[],
  progress: Progress = () => {},
): Promise<void> {
  const total = regions.reduce((sum, { size }) => sum + size, 0);
  const report = reportSteps(progress, "Verifying what was written", total);
  for (const { offset, size, sha256 } of regions) {
    const actual = await sha256Of(deviceSource(device, offset, size), report);
    if (actual === sha256) continue;
    throw new ImageError(
      `${what}: ${size} bytes at ${offset} do not read back as written: ` +
        "the medium is faulty or smaller than it says",
    );
  }
}
