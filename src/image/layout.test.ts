// The disk of a node for many sizes of disk and image.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { memoryDevice } from "../base/format/block-device.ts";
import { readGpt } from "../base/format/gpt.ts";
import { writeGpt } from "../base/format/gpt-writer.ts";
import { ImageError } from "./image-error.ts";
import { minimumDiskBytes, planDisk, planPartitions, slotBytes, slotId } from "./layout.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const IDS = {
  esp: "00000000-0000-4000-8000-000000000001",
  systemA: "00000000-0000-4000-8000-000000000002",
  systemB: "00000000-0000-4000-8000-000000000003",
  data: "00000000-0000-4000-8000-000000000004",
};

describe("planDisk", () => {
  test("divides the 4 GiB of a trial", () => {
    expect(planDisk(4 * GIB, 80 * MIB)).toEqual({
      esp: { offset: MIB, size: 512 * MIB },
      systemA: { offset: 513 * MIB, size: 512 * MIB },
      systemB: { offset: 1025 * MIB, size: 512 * MIB },
      data: { offset: 1537 * MIB, size: 4096 * MIB - 1538 * MIB },
      sectorSize: 512,
    });
  });

  test("names need and have for a disk that is too small", () => {
    expect(() => planDisk(2 * GIB, 80 * MIB)).toThrow(
      new ImageError("disk is too small: it has 2 GiB, a node needs at least 2.5 GiB"),
    );
  });

  test("accepts exactly the minimum", () => {
    const least = minimumDiskBytes(80 * MIB);
    expect(planDisk(least, 80 * MIB).data.size).toBe(GIB);
    expect(() => planDisk(least - 1, 80 * MIB)).toThrow(ImageError);
  });

  test("makes a table that can be written, for any disk, image and sector", async () => {
    const sizes = fc.record({
      disk: fc.integer({ min: 3 * GIB, max: 2 ** 45 }),
      image: fc.integer({ min: 1, max: 300 * MIB }),
      sectorSize: fc.constantFrom(512 as const, 4096 as const),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ disk, image, sectorSize }) => {
        const partitions = planPartitions(planDisk(disk, image, sectorSize), IDS);
        // Only the ends are written, so a device that keeps nothing checks as well.
        const device = { ...memoryDevice(0), size: disk, write: async () => {} };
        await writeGpt(device, { diskId: IDS.esp, sectorSize, partitions });
        expect(partitions.at(-1)?.size).toBeGreaterThanOrEqual(GIB - MIB);
      }),
    );
  });
});

test("planPartitions names and types the partitions as the original did", async () => {
  const disk = memoryDevice(4 * MIB);
  const small = { offset: MIB, size: 512 };
  const plan = {
    esp: small,
    systemA: { ...small, offset: MIB + 512 },
    systemB: { ...small, offset: MIB + 1024 },
    data: { ...small, offset: MIB + 1536 },
    sectorSize: 512 as const,
  };
  const partitions = planPartitions(plan, IDS);
  await writeGpt(disk, { diskId: IDS.data, sectorSize: 512, partitions });
  const read = await readGpt(disk, 512);
  expect(read.partitions.map(({ name, type }) => `${name} ${type.slice(19, 23)}`)).toEqual([
    "ESP ba4b",
    "METROPOLIS-SYSTEM-A aaaa",
    "METROPOLIS-SYSTEM-B bbbb",
    "METROPOLIS-NODE-DATA b278",
  ]);
});

test.each([
  [1, 512],
  [341 * MIB, 512],
  [342 * MIB, 640],
])("slotBytes leaves room to grow for an image of %p bytes", (image, mib) => {
  expect(slotBytes(image)).toBe(mib * MIB);
});

test("slotId shows the first half of the root hash", () => {
  const hash = `00112233445566778899aabbccddeeff${"f".repeat(32)}`;
  expect(slotId(hash)).toBe("00112233-4455-6677-8899-aabbccddeeff");
});
