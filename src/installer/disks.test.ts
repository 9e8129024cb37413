// Tests of the choice of disk.
import { expect, test } from "bun:test";
import type { BlockDevice } from "../base/linux/block-device.ts";
import { type DiskContent, PARTITION_TYPE } from "../image/image.ts";
import { type Candidate, chooseDisk, disksAmong, warnings } from "./disks.ts";
import { InstallerError } from "./installer-error.ts";
import { testDisk } from "./test-disk.ts";

const wish = { medium: "sda", needBytes: 4 * 2 ** 30 };

const { esp, systemA, data } = PARTITION_TYPE;
const partition = { id: "", name: "", offset: 0, size: 0 };
const table = (...types: readonly string[]): DiskContent => ({
  kind: "table",
  partitions: types.map((type) => ({ ...partition, type })),
});
const installed = table(esp, systemA, data);
const blank: DiskContent = { kind: "none", isBlank: true };
const foreign: DiskContent = { kind: "none", isBlank: false };
const broken: DiskContent = { kind: "unreadable", reason: "read: EIO" };

function having(content: DiskContent, disk: BlockDevice): Candidate {
  return { ...disk, content };
}

function chosen(...devices: readonly BlockDevice[]): string {
  return chooseDisk(
    disksAmong(devices).map((disk) => having(blank, disk)),
    wish,
  ).name;
}

test("chooseDisk takes the first disk that will do", () => {
  expect(chosen(testDisk("vda"), testDisk("vdb"))).toBe("vda");
});

test.each([
  ["its own medium", testDisk("sda")],
  ["an optical drive", testDisk("sr0", { isOptical: true })],
  ["a read-only disk", testDisk("sdb", { isReadOnly: true })],
  ["a disk that is too small", testDisk("sdb", { size: 1n << 30n })],
  ["an empty card reader", testDisk("sdb", { size: 0n })],
  ["a loop device", testDisk("loop0", { isVirtual: true })],
  ["a partition", testDisk("sdb1", { partition: 1, disk: "sdb" })],
])("chooseDisk passes over %s", (_, other) => {
  expect(chosen(other, testDisk("vda"))).toBe("vda");
});

test("chooseDisk prefers a disk that is built in", () => {
  const stick = testDisk("sdb", { isRemovable: true });
  expect(chosen(stick, testDisk("vda"))).toBe("vda");
  expect(chosen(stick)).toBe("sdb");
});

test("chooseDisk takes a disk of exactly the size needed", () => {
  expect(chosen(testDisk("vda", { size: 4n << 30n }))).toBe("vda");
});

test("chooseDisk says of each disk why it will not do", () => {
  const choose = () => chosen(testDisk("sda"), testDisk("vda", { size: 2n << 30n }));
  expect(choose).toThrow(InstallerError);
  expect(choose).toThrow(
    "There is no disk to install to. A node needs at least 4 GiB; " +
      "/dev/sda is the installation medium; /dev/vda is too small, it has 2 GiB",
  );
});

test("chooseDisk says so where there are no disks", () => {
  expect(() => chosen()).toThrow("this machine has no disks at all");
});

test.each<[string, readonly [string, DiskContent][], string]>([
  [
    "a blank disk",
    [
      ["vda", installed],
      ["vdb", blank],
    ],
    "vdb",
  ],
  [
    "no disk with something else on it",
    [
      ["vda", installed],
      ["vdb", foreign],
    ],
    "vda",
  ],
  [
    "no blank disk before another system's",
    [
      ["vda", foreign],
      ["vdb", blank],
    ],
    "vda",
  ],
  [
    "a disk that can be read",
    [
      ["vda", broken],
      ["vdb", installed],
    ],
    "vdb",
  ],
  ["the only one", [["vda", installed]], "vda"],
])("chooseDisk replaces an installation for %s", (_, disks, expected) => {
  const candidates = disks.map(([name, content]) => having(content, testDisk(name)));
  expect(chooseDisk(candidates, wish).name).toBe(expected);
});

test("warnings name disks with an installation, and those that are broken", () => {
  const disks = [
    having(installed, testDisk("vda")),
    having(blank, testDisk("vdb")),
    having(broken, testDisk("vdc")),
  ];
  const [vda, vdb] = disks;
  if (vda === undefined || vdb === undefined) throw new TypeError("no disks");
  expect(warnings(disks, vdb)).toEqual([
    "Warning: /dev/vda holds another installation of Metropolis, which stays as it is. " +
      "If the machine starts from it, choose /dev/vdb in the firmware's settings",
    "Warning: /dev/vdc cannot be read: read: EIO",
  ]);
  expect(warnings([vda], vda)).toEqual([
    "Warning: /dev/vda holds an installation of Metropolis, which is replaced",
  ]);
});
