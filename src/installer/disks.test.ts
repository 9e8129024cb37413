// Tests of the choice of disk.
import { expect, test } from "bun:test";
import type { BlockDevice } from "../base/linux/block-device.ts";
import { chooseDisk } from "./disks.ts";
import { InstallerError } from "./installer-error.ts";
import { testDisk } from "./test-disk.ts";

const wish = { medium: "sda", needBytes: 4 * 2 ** 30 };

function chosen(...devices: readonly BlockDevice[]): string {
  return chooseDisk(devices, wish).name;
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
