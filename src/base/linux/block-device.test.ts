// Tests of block devices: a sysfs tree made by hand, and a loop device where we are root.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { blockDevices, deviceSize, slavesOf } from "./block-device.ts";

const home = mkdtempSync(join(tmpdir(), "metropolis-block-"));
const root = join(home, "class");
afterAll(() => rmSync(home, { recursive: true }));

function addDevice(where: string, files: Readonly<Record<string, string>>): void {
  const folder = join(home, where);
  for (const [file, text] of Object.entries({ size: "8", ro: "0", ...files })) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${text}\n`);
  }
  mkdirSync(root, { recursive: true });
  symlinkSync(folder, join(root, where.slice(where.lastIndexOf("/") + 1)));
}

addDevice("devices/pci/block/vda", {
  size: "8388608",
  removable: "0",
  "queue/logical_block_size": "4096",
});
addDevice("devices/pci/block/vda/vda10", { partition: "10" });
addDevice("devices/pci/block/vda/vda2", { partition: "2", start: "2048" });
addDevice("devices/pci/block/nvme0c0n1", { hidden: "1" });
addDevice("devices/usb/block/sda", {
  removable: "1",
  "device/vendor": "Acme",
  "device/model": "Stick",
});
addDevice("devices/pci/block/sr0", { ro: "1", "device/type": "5" });
addDevice("devices/virtual/block/dm-0", { "slaves/vda2": "" });
addDevice("devices/pci/block/cciss!c0d0", {});

test("blockDevices lists in the order a person counts", () => {
  const names = blockDevices(root).map(({ name }) => name);
  expect(names).toEqual(["cciss!c0d0", "dm-0", "sda", "sr0", "vda", "vda2", "vda10"]);
});

/** One of them. */
function device(name: string) {
  return blockDevices(root).find((each) => each.name === name);
}

test("blockDevices describe a disk", () => {
  expect(device("vda")).toEqual({
    name: "vda",
    path: "/dev/vda",
    size: 4294967296n,
    offset: 0n,
    sectorSize: 4096,
    isReadOnly: false,
    isRemovable: false,
    isOptical: false,
    isVirtual: false,
    vendor: "",
    model: "",
    disk: "vda",
  });
});

test.each([
  ["vda10", { partition: 10, disk: "vda" }],
  ["vda2", { partition: 2, offset: 1048576n, sectorSize: 4096 }],
  ["sda", { sectorSize: 512, isRemovable: true, vendor: "Acme", model: "Stick" }],
  ["sr0", { isReadOnly: true, isOptical: true }],
  ["dm-0", { isVirtual: true }],
  ["cciss!c0d0", { path: "/dev/cciss/c0d0" }],
])("blockDevices tell what %s is", (name, expected) => {
  expect(device(name)).toMatchObject(expected);
});

test("slavesOf names what a device lies on", () => {
  expect(slavesOf("dm-0", root)).toEqual(["vda2"]);
  expect(slavesOf("vda", root)).toEqual([]);
});

/** Attaches an image as a loop device while `work` runs; false where this machine cannot. */
function withLoop(work: (path: string) => void): boolean {
  const image = join(home, "disk.img");
  writeFileSync(image, "");
  truncateSync(image, 1 << 20);
  const made = Bun.spawnSync(["losetup", "--find", "--show", image]);
  if (made.exitCode !== 0) return false;
  const path = made.stdout.toString().trim();
  try {
    work(path);
  } finally {
    Bun.spawnSync(["losetup", "--detach", path]);
  }
  return true;
}

test("deviceSize is that of a real device", () => {
  if (process.getuid?.() !== 0) {
    // What an ordinary user cannot open fails with the reason.
    expect(() => deviceSize(home)).toThrow(/ENOTTY|EISDIR/);
    return;
  }
  withLoop((path) => {
    expect(deviceSize(path)).toBe(1048576n);
  });
});

test("deviceSize of a plain file fails with the kernel's reason", () => {
  const path = join(home, "plain");
  writeFileSync(path, "x");
  expect(() => deviceSize(path)).toThrow(`ioctl size of ${path}: ENOTTY`);
});
