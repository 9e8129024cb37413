// How FAT32 volumes of all sizes divide their space, and which sizes cannot be.
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bootSector,
  FAT_COPIES,
  type Fat32Options,
  FIRST_CLUSTER,
  freeSector,
  MIN_VOLUME_BYTES,
  planGeometry,
  RESERVED_SECTORS,
  volumeLabel,
} from "./fat32-geometry.ts";
import { FormatError } from "./format.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function volume(given: Partial<Fat32Options> = {}): Fat32Options {
  return {
    offset: MIB,
    size: 512 * MIB,
    sectorSize: 512,
    label: "METRO_BOOT",
    volumeId: 0xfedcba98,
    modified: new Date("2020-01-01T00:00:00Z"),
    ...given,
  };
}

test("planGeometry keeps tables and clusters inside the volume, and every cluster in the table", () => {
  const size = fc.integer({ min: MIN_VOLUME_BYTES / 512, max: (1900 * GIB) / 512 });
  fc.assert(
    fc.property(size, (sectors) => {
      const plan = planGeometry(volume({ size: sectors * 512 }));
      const end = plan.dataStart + plan.clusters * plan.sectorsPerCluster;
      expect(end).toBeLessThanOrEqual(plan.sectors);
      expect(plan.sectors - end).toBeLessThan(plan.sectorsPerCluster);
      expect(plan.dataStart).toBe(RESERVED_SECTORS + FAT_COPIES * plan.fatSectors);
      expect((plan.fatSectors * 512) / 4).toBeGreaterThanOrEqual(plan.clusters + FIRST_CLUSTER);
      // Fewer, and readers would take it for FAT16.
      expect(plan.clusters).toBeGreaterThanOrEqual(65_525);
    }),
  );
});

test.each([
  [100 * MIB, 512],
  [260 * MIB, 512],
  [261 * MIB, 4_096],
  [8 * GIB, 4_096],
  [9 * GIB, 8_192],
  [17 * GIB, 16_384],
  [33 * GIB, 32_768],
])("planGeometry of %d bytes has clusters of %d", (size, clusterBytes) => {
  expect(planGeometry(volume({ size })).clusterBytes).toBe(clusterBytes);
});

test("planGeometry of sectors of 4 KiB has clusters of at least one sector", () => {
  const plan = planGeometry(volume({ size: 300 * MIB, sectorSize: 4096 }));
  expect(plan).toMatchObject({ sectorsPerCluster: 1, clusterBytes: 4_096, sectors: 76_800 });
});

test("planGeometry takes the smallest volume, and refuses what is smaller or too large", () => {
  expect(planGeometry(volume({ size: MIN_VOLUME_BYTES })).clusters).toBeGreaterThan(65_524);
  expect(() => planGeometry(volume({ size: 32 * MIB }))).toThrow("too few for FAT32");
  // As many bytes, but too few sectors.
  const coarse = volume({ size: MIN_VOLUME_BYTES, sectorSize: 4096 });
  expect(() => planGeometry(coarse)).toThrow("too few for FAT32");
  expect(() => planGeometry(volume({ size: 2 ** 41 + 512 }))).toThrow("too many for FAT32");
});

test.each([0, -1])("planGeometry refuses the size %d", (size) => {
  expect(() => planGeometry(volume({ size }))).toThrow(FormatError);
});

test("bootSector says where everything is", () => {
  const options = volume();
  const plan = planGeometry(options);
  const sector = Buffer.from(bootSector(options, plan));
  expect(sector.readUInt16LE(510)).toBe(0xaa55);
  expect(sector.readUInt16LE(11)).toBe(512);
  expect(sector[13]).toBe(plan.sectorsPerCluster);
  expect(sector.readUInt32LE(28)).toBe(MIB / 512);
  expect(sector.readUInt32LE(32)).toBe(plan.sectors);
  expect(sector.readUInt32LE(36)).toBe(plan.fatSectors);
  expect(sector.readUInt32LE(67)).toBe(0xfedcba98);
  expect(sector.toString("latin1", 71, 90)).toBe("METRO_BOOT FAT32   ");
  // The fields by which older FATs are recognised are empty.
  expect([sector.readUInt16LE(17), sector.readUInt16LE(19), sector.readUInt16LE(22)]).toEqual([
    0, 0, 0,
  ]);
});

test("bootSector of a volume far out on a disk has no number for that", () => {
  const options = volume({ offset: 3 * 2 ** 41 });
  const sector = Buffer.from(bootSector(options, planGeometry(options)));
  expect(sector.readUInt32LE(28)).toBe(0);
});

test("freeSector counts what is used", () => {
  const plan = planGeometry(volume());
  const sector = Buffer.from(freeSector(plan, 100));
  expect(sector.toString("latin1", 0, 4)).toBe("RRaA");
  expect(sector.toString("latin1", 484, 488)).toBe("rrAa");
  expect(sector.readUInt32LE(488)).toBe(plan.clusters - 100);
  expect(sector.readUInt32LE(492)).toBe(FIRST_CLUSTER + 100);
});

test.each(["", "lower", "TWELVE_CHARS", "A B", "ÄÖ", "A\0", "A.B"])(
  "volumeLabel refuses %p",
  (label) => {
    expect(() => volumeLabel(label)).toThrow(FormatError);
  },
);
