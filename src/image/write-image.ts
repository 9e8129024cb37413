// The order in which any disk or medium of ours is written.
//
//   1. the old partition table goes: from here on nothing boots
//   2. what old contents could be mistaken for is cleared
//   3. contents of partitions, and a file system with files
//   4. sync, then the new table: from here on everything boots
//
// A power cut in between leaves a disk that firmware finds nothing on, never one that half works.
import { type BlockDevice, writeSource, writeZeros } from "../base/format/block-device.ts";
import type { ByteSource } from "../base/format/byte-source.ts";
import { type Fat32Options, type FatFiles, writeFat32 } from "../base/format/fat32.ts";
import type { PartitionTable } from "../base/format/gpt.ts";
import { wipeGpt, writeGpt } from "../base/format/gpt-writer.ts";
import type { Extent } from "./layout.ts";
import { type Progress, reportSteps } from "./progress.ts";
import { type Region, recordWrites } from "./verify.ts";

/** Content that goes to a partition as it is. */
export interface RawContent {
  readonly name: string;
  readonly offset: number;
  readonly source: ByteSource;
}

/** Everything that goes onto a disk. */
export interface ImagePlan {
  readonly table: PartitionTable;
  /** Parts that are set to zero, because of what may have been there. */
  readonly clear: readonly Extent[];
  readonly raw: readonly RawContent[];
  readonly volume: Omit<Fat32Options, "modified">;
  readonly files: FatFiles;
  /** What progress calls this work. */
  readonly step: string;
}

/** What is on the disk now, for reading it back. */
export interface Written {
  readonly regions: readonly Region[];
}

/**
 * The time of every file we write.
 *
 * The clocks of machines that install are often wrong, and nothing depends on it; a fixed one
 * makes equal inputs give equal media.
 */
const FILE_TIME = new Date("2020-01-01T00:00:00Z");

/** Writes everything; throws before the new table if any content is not what it should be. */
export async function writeImage(
  disk: BlockDevice,
  plan: ImagePlan,
  progress: Progress,
  checkContents: () => void = () => {},
): Promise<Written> {
  await wipeGpt(disk);
  for (const { offset, size } of plan.clear) await writeZeros(disk, offset, size);
  const device = recordWrites(disk);
  const sizes = [...plan.raw.map(({ source }) => source), ...Object.values(plan.files)];
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  const report = reportSteps(progress, plan.step, total);
  for (const { name, offset, source } of plan.raw) {
    await writeSource(device, offset, source, name, ({ length }) => report(length));
  }
  await writeFiles(device, plan, report);
  await device.sync();
  checkContents();
  await writeGpt(device, plan.table);
  return { regions: device.regions() };
}

async function writeFiles(
  device: BlockDevice,
  { volume, files }: ImagePlan,
  report: (bytes: number) => void,
): Promise<void> {
  let before = 0;
  await writeFat32(device, { ...volume, modified: FILE_TIME }, files, (done) => {
    report(done - before);
    before = done;
  });
}
