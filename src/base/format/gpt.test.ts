// Reading partition tables, whole, damaged and forged.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { memoryDevice } from "./block-device.ts";
import { FormatError } from "./format.ts";
import { type PartitionTable, readGpt, type SectorSize, usableRange } from "./gpt.ts";
import { writeGpt } from "./gpt-writer.ts";

const MIB = 1 << 20;
const DISK_ID = "00000000-0000-4000-8000-0000000000d1";

function exampleTable(sectorSize: SectorSize): PartitionTable {
  const type = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
  return {
    diskId: DISK_ID,
    sectorSize,
    partitions: [
      { type, id: DISK_ID.replace("d1", "01"), name: "ESP", offset: MIB, size: MIB },
      { type, id: DISK_ID.replace("d1", "02"), name: "Zweite ☂", offset: 2 * MIB, size: MIB },
    ],
  };
}

async function exampleDisk(sectorSize: SectorSize = 512) {
  const disk = memoryDevice(4 * MIB);
  await writeGpt(disk, exampleTable(sectorSize));
  return disk;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  return "accepted";
}

describe.each([512, 4096] as const)("readGpt with sectors of %p bytes", (sectorSize) => {
  test("gives what was written", async () => {
    const read = await readGpt(await exampleDisk(sectorSize), sectorSize);
    const { partitions, ...rest } = exampleTable(sectorSize);
    const expected = partitions.map((one) => ({ ...one, attributes: 0n }));
    expect(read).toEqual({ ...rest, partitions: expected, source: "primary" });
  });

  test.each([1, 2])("falls back to the backup when sector %p is damaged", async (sector) => {
    const disk = await exampleDisk(sectorSize);
    await disk.write(sector * sectorSize + 20, Uint8Array.of(0xff, 0xff));
    const read = await readGpt(disk, sectorSize);
    expect(read.source).toBe("backup");
    expect(read.partitions.map(({ name }) => name)).toEqual(["ESP", "Zweite ☂"]);
  });
});

test("readGpt names the reasons when both copies are damaged", async () => {
  const disk = await exampleDisk();
  await disk.write(512, new Uint8Array(512));
  await disk.write(disk.size - 512 + 60, Uint8Array.of(1));
  expect(await refusal(readGpt(disk, 512))).toBe(
    "no partition table: header: no signature; backup: header: checksum is wrong",
  );
});

test("readGpt refuses a table that is valid for a larger disk", async () => {
  const disk = await exampleDisk();
  const cut = memoryDevice(3 * MIB, await disk.read(0, 3 * MIB));
  expect(await refusal(readGpt(cut, 512))).toContain("table is for a larger disk");
});

test.each([0, 511, 512, 1024, 4096])("readGpt refuses a disk of %p bytes", async (size) => {
  expect(await refusal(readGpt(memoryDevice(size), 512))).toContain("no partition table");
});

test("readGpt gives a table or a FormatError for any bytes", async () => {
  const sound = await (await exampleDisk()).read(0, 4 * MIB);
  const damage = fc.array(fc.tuple(fc.nat(64 * 512), fc.nat(255)), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(damage, fc.boolean(), async (changes, inBackup) => {
      const bytes = sound.slice();
      const base = inBackup ? bytes.length - 64 * 512 : 0;
      for (const [at, value] of changes) bytes[base + at] = value;
      const read = await readGpt(memoryDevice(bytes.length, bytes), 512);
      // Damage at one end can never cost the table.
      expect(read.partitions.length).toBe(2);
    }),
    { numRuns: 50 },
  );
});

test("usableRange leaves room for both tables", () => {
  expect(usableRange(4 * MIB, 512)).toEqual({ start: 34 * 512, end: 4 * MIB - 33 * 512 });
  expect(usableRange(4 * MIB, 4096)).toEqual({ start: 6 * 4096, end: 4 * MIB - 5 * 4096 });
});
