// Disks and partitions: what the kernel knows of them, and what one can ask of them.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ioctl } from "./syscall.ts";

const BLKGETSIZE64 = 0x80081272;

const SECTOR_SIZE = "queue/logical_block_size";

/** sysfs counts in these, whatever the disk's own sector size. */
const SECTOR_BYTES = 512n;
/** The SCSI device type of optical drives. */
const SCSI_OPTICAL = "5";

/** A block device as sysfs describes it. */
export interface BlockDevice {
  /** The kernel's name, such as `vda` or `nvme0n1p2`. */
  readonly name: string;
  /** The device node. */
  readonly path: string;
  /** In bytes. */
  readonly size: bigint;
  /** Where a partition begins on its disk, in bytes; 0 for whole disks. */
  readonly offset: bigint;
  /** In bytes: the smallest unit that a disk reads and writes. */
  readonly sectorSize: number;
  readonly isReadOnly: boolean;
  readonly isRemovable: boolean;
  readonly isOptical: boolean;
  /** True for loop, ram, zram, dm and md devices: they have no hardware of their own. */
  readonly isVirtual: boolean;
  /** Empty where the hardware does not say. */
  readonly vendor: string;
  readonly model: string;
  /** Number in the partition table; absent for whole disks. */
  readonly partition?: number;
  /** The whole disk's name; for a whole disk its own. */
  readonly disk: string;
}

const SYSFS = "/sys/class/block";

function describe(name: string, root: string): BlockDevice {
  const home = realpathSync(join(root, name));
  const field = (file: string) =>
    existsSync(join(home, file)) ? readFileSync(join(home, file), "utf8").trim() : "";
  const partition = field("partition");
  return {
    name,
    // sysfs writes ! for a slash in a device's name (cciss!c0d0).
    path: `/dev/${name.replaceAll("!", "/")}`,
    size: BigInt(field("size") || 0) * SECTOR_BYTES,
    offset: BigInt(field("start") || 0) * SECTOR_BYTES,
    sectorSize: Number(field(join(partition === "" ? "." : "..", SECTOR_SIZE)) || SECTOR_BYTES),
    isReadOnly: field("ro") === "1",
    isRemovable: field("removable") === "1",
    isOptical: /^sr\d/.test(name) || field("device/type") === SCSI_OPTICAL,
    isVirtual: home.includes("/devices/virtual/"),
    vendor: field("device/vendor"),
    model: field("device/model"),
    ...(partition !== "" && { partition: Number(partition) }),
    disk: partition === "" ? name : basename(dirname(home)),
  };
}

/** All block devices, partitions included, `vda` before `vdb` and `vda2` before `vda10`. */
export function blockDevices(root = SYSFS): readonly BlockDevice[] {
  const order = new Intl.Collator("en", { numeric: true });
  return readdirSync(root)
    .filter((name) => !isHidden(join(root, name)))
    .sort(order.compare)
    .map((name) => describe(name, root));
}

/** Paths of one NVMe disk behind several controllers: they have no device node. */
function isHidden(home: string): boolean {
  const path = join(home, "hidden");
  return existsSync(path) && readFileSync(path, "utf8").trim() === "1";
}

/** The devices that a device-mapper device lies on. */
export function slavesOf(name: string, root = SYSFS): readonly string[] {
  const path = join(root, name, "slaves");
  return existsSync(path) ? readdirSync(path).sort() : [];
}

/** Size in bytes of the block device at a path. */
export function deviceSize(path: string): bigint {
  const size = new BigUint64Array(1);
  const fd = openSync(path, "r");
  try {
    ioctl(fd, BLKGETSIZE64, new Uint8Array(size.buffer), `size of ${path}`);
  } finally {
    closeSync(fd);
  }
  return size[0] ?? 0n;
}
