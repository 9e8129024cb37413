// Tests of finding the node's disk, on files that stand for disks.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../../base/format/block-device.ts";
import { writeGpt } from "../../base/format/gpt-writer.ts";
import { PARTITION_TYPE } from "../../image/image.ts";
import { type DiskSource, findBootDisk, partitionName } from "./boot-disk.ts";

const MIB = 1 << 20;
const types = PARTITION_TYPE;
const systemId = "01234567-89ab-cdef-0123-456789abcdef";

let root: string;
let source: DiskSource;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-disk-"));
  source = { sysfs: join(root, "sys"), devices: join(root, "dev") };
  mkdirSync(source.sysfs);
  mkdirSync(source.devices);
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
}

/** A disk as the kernel shows it, with a table when there are partitions. */
async function disk(name: string, partitions: readonly (readonly [string, string])[]) {
  const size = 16 * MIB;
  file(join(source.sysfs, name, "size"), `${size / 512}\n`);
  file(join(source.sysfs, name, "queue/logical_block_size"), "512\n");
  await using device = await fileDevice(join(source.devices, name), { mode: "create", size });
  const table = partitions.map(([type, id], index) => ({
    type,
    id,
    name: `P${index}`,
    offset: (index + 1) * MIB,
    size: MIB,
  }));
  if (table.length === 0) return;
  await writeGpt(device, {
    diskId: "99999999-89ab-cdef-0123-456789abcdef",
    sectorSize: 512,
    partitions: table,
  });
  for (const [index, { offset }] of table.entries()) {
    const entry = partitionName(name, index + 1);
    file(join(source.sysfs, name, entry, "start"), `${offset / 512}\n`);
  }
}

const guid = (digit: string) => systemId.replaceAll(/[0-9a-f]/g, digit);
const whole = [
  [types.esp, guid("1")],
  [types.systemA, guid("2")],
  [types.systemB, systemId],
  [types.data, guid("4")],
] as const;

test("partitionName sets numbers apart with a p", () => {
  expect(partitionName("vda", 4)).toBe("vda4");
  expect(partitionName("nvme0n1", 4)).toBe("nvme0n1p4");
});

const found = (espId?: string) => findBootDisk({ systemId, espId }, source);

/** Another node's disk, of the same release: only what is random at an installation differs. */
const another = [
  [types.esp, guid("5")],
  [types.systemA, guid("6")],
  [types.systemB, systemId],
  [types.data, guid("8")],
] as const;

test("findBootDisk finds the partitions beside the system", async () => {
  await disk("sda", [[types.data, guid("7")]]);
  await disk("nvme0n1", whole);
  await disk("sdb", []);
  expect(await found()).toEqual({
    disk: join(source.devices, "nvme0n1"),
    esp: join(source.devices, "nvme0n1p1"),
    data: join(source.devices, "nvme0n1p4"),
    slot: "b",
    troubles: [],
  });
});

test("findBootDisk knows slot A by its type", async () => {
  const swapped = whole.map(([type, id], index): [string, string] => {
    if (index === 1) return [type, systemId];
    return [type, index === 2 ? guid("3") : id];
  });
  await disk("vda", swapped);
  expect((await found()).slot).toBe("a");
});

test.each([
  [guid("1"), "vdb", "vda"],
  [guid("5"), "vda", "vdb"],
])(
  "of two installations of a release, findBootDisk takes the one whose ESP was started",
  async (espId, own, other) => {
    await disk("vda", another);
    await disk("vdb", whole);
    const { disk: name, data, troubles } = await found(espId);
    expect([name, data]).toEqual([join(source.devices, own), join(source.devices, `${own}4`)]);
    expect(troubles).toEqual([
      `disk ${join(source.devices, other)} holds an installation too and is left alone; ` +
        `this is ${join(source.devices, own)}`,
    ]);
  },
);

test("findBootDisk tells where the kernel has taken the system from another installation", async () => {
  await disk("vda", another);
  await disk("vdb", whole);
  const { troubles } = await findBootDisk(
    { systemId, espId: guid("1"), systemFrom: ["vda3"] },
    source,
  );
  expect(troubles).toEqual([
    `disk ${join(source.devices, "vda")} holds an installation too and is left alone, ` +
      "but the system is read from it: take it out only while the machine is off",
  ]);
});

test("findBootDisk names the disks where there is not one", async () => {
  await expect(found()).rejects.toThrow("no disk has it");
  await disk("vda", whole);
  const [vda, vdb] = ["vda", "vdb"].map((name) => join(source.devices, name));
  await expect(found(guid("9"))).rejects.toThrow(
    `${vda} has it, but partition ${guid("9")} was started, which is not there`,
  );
  await disk("vdb", whole);
  // A copy of a disk, sector by sector.
  await expect(found(guid("1"))).rejects.toThrow(
    `${vda} and ${vdb} both have it; take one of them out of the machine`,
  );
});

test("findBootDisk leaves a disk alone that gives read errors, and names it", async () => {
  await disk("vda", whole);
  await disk("vdb", []);
  const bad = join(source.devices, "vdb");
  rmSync(bad);
  // Reading its beginning is EIO.
  symlinkSync("/proc/self/mem", bad);
  const { data, troubles } = await found(guid("1"));
  expect(data).toBe(join(source.devices, "vda4"));
  expect(troubles).toEqual([
    expect.stringContaining(`disk ${bad} cannot be read and is left alone: `),
  ]);
  expect(troubles[0]).toContain("EIO");
});

test("findBootDisk wants exactly one partition of each kind", async () => {
  await disk("vda", [...whole, [types.data, guid("5")]]);
  await expect(found()).rejects.toThrow("find data partition: 2 of them on the disk");
});
