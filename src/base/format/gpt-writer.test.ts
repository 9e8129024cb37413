// Writing partition tables, judged by sgdisk, and the order of the writes.
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlockDevice, fileDevice, memoryDevice } from "./block-device.ts";
import { FormatError } from "./format.ts";
import { type Partition, type PartitionTable, readGpt } from "./gpt.ts";
import { wipeGpt, writeGpt } from "./gpt-writer.ts";

const MIB = 1 << 20;
const TYPE = "9eeec464-6885-414a-b278-4305c51f7966";

function partition(name: string, offset: number, size: number): Partition {
  const id = `00000000-0000-4000-8000-${offset.toString(16).padStart(12, "0")}`;
  return { type: TYPE, id, name, offset, size };
}

function tableOf(...partitions: Partition[]): PartitionTable {
  return { diskId: "00000000-0000-4000-8000-0000000000d1", sectorSize: 512, partitions };
}

const example = tableOf(partition("A", MIB, MIB), partition("B", 2 * MIB, MIB));

/** A device on which only the first `count` writes arrive. */
function cutAfter(device: BlockDevice, count: number): BlockDevice {
  let left = count;
  return {
    ...device,
    async write(offset, bytes) {
      if (left-- > 0) await device.write(offset, bytes);
    },
  };
}

test("writeGpt satisfies an independent reader", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gpt-"));
  try {
    const path = join(folder, "disk");
    {
      await using disk = await fileDevice(path, { mode: "create", size: 8 * MIB });
      await writeGpt(disk, example);
    }
    const sgdisk = Bun.spawnSync(["sgdisk", "--verify", "--print", path]);
    const output = sgdisk.stdout.toString();
    expect(output).toContain("No problems found");
    expect(output).toMatch(/2\s+4096\s+6143\s+1024.0 KiB\s+\S+\s+B/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("writeGpt refuses boot code that would reach into the table", async () => {
  const writing = (length: number) =>
    writeGpt(memoryDevice(4 * MIB), { ...example, bootCode: new Uint8Array(length) });
  await expect(writing(441)).rejects.toThrow("boot code is too long");
  await writing(440);
});

test("writeGpt gives the same bytes for the same table", async () => {
  const [one, two] = [memoryDevice(4 * MIB), memoryDevice(4 * MIB)];
  await writeGpt(one, example);
  await writeGpt(two, example);
  expect(await one.read(0, 4 * MIB)).toEqual(await two.read(0, 4 * MIB));
});

test("writeGpt makes a disk bootable with its last write only", async () => {
  const counts = [0, 1, 2, 3, 4, 5];
  const bootable = counts.map(async (count) => {
    const disk = memoryDevice(4 * MIB);
    await writeGpt(cutAfter(disk, count), example);
    return (await disk.read(450, 1))[0] === 0xee;
  });
  expect(await Promise.all(bootable)).toEqual([false, false, false, false, false, true]);
});

test.each<[string, PartitionTable, string]>([
  ["overlap", tableOf(partition("A", MIB, MIB), partition("B", 2 * MIB - 512, MIB)), "overlap"],
  ["the primary table's place", tableOf(partition("A", 512, MIB)), "outside of the disk"],
  ["the backup's place", tableOf(partition("A", 3 * MIB, MIB)), "outside of the disk"],
  ["nothing", tableOf(partition("A", MIB, 0)), "outside of the disk"],
  ["half sectors", tableOf(partition("A", MIB + 256, MIB)), "whole sectors"],
  ["a long name", tableOf(partition("A".repeat(37), MIB, MIB)), "too long"],
])("writeGpt refuses partitions with %s", async (_, table, reason) => {
  await expect(writeGpt(memoryDevice(4 * MIB), table)).rejects.toThrow(reason);
});

describe("wipeGpt", () => {
  test("leaves no table, and nothing bootable from its first write on", async () => {
    for (const count of [1, 2, 3, 4]) {
      const disk = memoryDevice(4 * MIB);
      await writeGpt(disk, example);
      await wipeGpt(cutAfter(disk, count));
      expect((await disk.read(450, 1))[0]).toBe(0);
      if (count >= 3) await expect(readGpt(disk, 512)).rejects.toThrow(FormatError);
    }
  });

  test("takes a disk smaller than two tables", async () => {
    const disk = memoryDevice(1024, new Uint8Array(1024).fill(1));
    await wipeGpt(disk);
    expect(await disk.read(0, 1024)).toEqual(new Uint8Array(1024));
  });
});
