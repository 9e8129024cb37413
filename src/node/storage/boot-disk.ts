// The disk that the verified system lies on, and the node's partitions there.
//
// The signed kernel command line names the system's partition by the first half of
// its root hash; the boot loader names the ESP that it was started from. Only the disk
// that holds both is used: a partition with our type on another disk may be an
// attacker's, or another node's, which was installed from the same release.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Partition } from "../../base/format/gpt.ts";
import {
  type DiskContent,
  diskContent,
  isInstallation,
  PARTITION_TYPE,
  type Slot,
} from "../../image/image.ts";

/** No disk, or one that does not have exactly what a node needs. */
export class DiskError extends Error {
  override readonly name = "DiskError";
}

/** Device nodes of the node's own disk. */
export interface BootDisk {
  readonly disk: string;
  readonly esp: string;
  readonly data: string;
  /** The slot that runs. */
  readonly slot: Slot;
}

/** Where the kernel shows its disks. Tests make their own. */
export interface DiskSource {
  /** As /sys/block. */
  readonly sysfs: string;
  /** As /dev. */
  readonly devices: string;
  /** How long a disk may take to answer; absent: as long as a healthy one may need. */
  readonly patienceMs?: number;
}

const machine: DiskSource = { sysfs: "/sys/block", devices: "/dev" };

/** Devices that are made of others, and so are never the disk itself. */
const MADE_OF_OTHERS = /^(dm-|loop|ram|zram|md|sr|fd|nbd)/;

interface Disk {
  readonly name: string;
  readonly bytes: number;
  readonly sectorSize: 512 | 4096;
}

function readNumber(path: string): number {
  return Number(readFileSync(path, "utf8").trim());
}

function disks({ sysfs }: DiskSource): readonly Disk[] {
  return readdirSync(sysfs)
    .filter((name) => !MADE_OF_OTHERS.test(name))
    .toSorted()
    .map((name) => ({
      name,
      // The kernel counts in units of 512 bytes, whatever the sector size is.
      bytes: readNumber(join(sysfs, name, "size")) * 512,
      sectorSize: readNumber(join(sysfs, name, "queue/logical_block_size")) === 4096 ? 4096 : 512,
    }));
}

/** A disk, and what lies on it. */
interface Seen {
  readonly disk: Disk;
  readonly path: string;
  readonly content: DiskContent;
}

/** Looks at all of them at once, so that one that is slow holds nobody up longer than itself. */
function lookAtAll(source: DiskSource): Promise<readonly Seen[]> {
  return Promise.all(
    disks(source).map(async (disk) => {
      const path = join(source.devices, disk.name);
      const { bytes: size, sectorSize } = disk;
      return {
        disk,
        path,
        content: await diskContent({ path, size, sectorSize }, source.patienceMs),
      };
    }),
  );
}

function partitionsOf({ content }: Seen): readonly Partition[] {
  return content.kind === "table" ? content.partitions : [];
}

/** `vda` and 4 make `vda4`, `nvme0n1` and 4 make `nvme0n1p4`. */
export function partitionName(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/**
 * The kernel's name for a partition that starts at `offset` bytes.
 *
 * Asked of the kernel, not counted: numbers may have gaps.
 */
function deviceOf(disk: Disk, { offset, name }: Partition, { sysfs, devices }: DiskSource): string {
  const folder = join(sysfs, disk.name);
  for (const entry of readdirSync(folder)) {
    const number = /^[a-z0-9]+?p?(\d+)$/.exec(entry)?.[1];
    if (number === undefined || entry !== partitionName(disk.name, Number(number))) continue;
    if (readNumber(join(folder, entry, "start")) * 512 === offset) return join(devices, entry);
  }
  throw new DiskError(`find partition ${name} of ${disk.name}: the kernel does not show it`);
}

function only(partitions: readonly Partition[], type: string, what: string): Partition {
  const found = partitions.filter((partition) => partition.type === type);
  const [partition] = found;
  if (partition === undefined || found.length > 1) {
    throw new DiskError(`find ${what} partition: ${found.length} of them on the disk, not one`);
  }
  return partition;
}

/** Which disk is looked for. */
export interface BootClue {
  /** The GUID of the system partition. */
  readonly systemId: string;
  /** The GUID of the ESP that the firmware has started, where that is known. */
  readonly espId?: string | undefined;
  /**
   * The partitions, by the kernel's names, that the system is read from: it has taken the first that
   * holds this system, which may be another installation's.
   */
  readonly systemFrom?: readonly string[] | undefined;
}

/** The node's own disk, and what is wrong with the others, if anything. */
export interface FoundDisk extends BootDisk {
  readonly troubles: readonly string[];
}

/**
 * Finds the node's disk: the one that has the system and, as another installation of the same
 * release has the very same system, the ESP that was started. No other disk is ever touched.
 */
export async function findBootDisk(
  { systemId, espId, systemFrom = [] }: BootClue,
  source: DiskSource = machine,
): Promise<FoundDisk> {
  const all = await lookAtAll(source);
  const withSystem = all.filter((each) => partitionsOf(each).some(({ id }) => id === systemId));
  const started = withSystem.filter(
    (each) => espId === undefined || partitionsOf(each).some(({ id }) => id === espId),
  );
  const [own] = started;
  if (own === undefined || started.length > 1) {
    throw new DiskError(notOne({ all, withSystem, started }, { systemId, espId }));
  }
  const { disk, path } = own;
  const partitions = partitionsOf(own);
  const system = partitions.find(({ id }) => id === systemId);
  return {
    disk: path,
    esp: deviceOf(disk, only(partitions, PARTITION_TYPE.esp, "ESP"), source),
    data: deviceOf(disk, only(partitions, PARTITION_TYPE.data, "data"), source),
    slot: system?.type === PARTITION_TYPE.systemB ? "b" : "a",
    troubles: troublesOf(all, own, systemFrom),
  };
}

/** What an operator should know of the disks that are left alone. */
function troublesOf(
  all: readonly Seen[],
  own: Seen,
  systemFrom: readonly string[],
): readonly string[] {
  return all.flatMap((each) => {
    if (each.content.kind === "unreadable") {
      return [`disk ${each.path} cannot be read and is left alone: ${each.content.reason}`];
    }
    if (each === own || !isInstallation(each.content)) return [];
    const left = `disk ${each.path} holds an installation too and is left alone`;
    const isRead = systemFrom.some((name) => isPartOf(name, each.disk.name));
    return [
      isRead
        ? `${left}, but the system is read from it: take it out only while the machine is off`
        : `${left}; this is ${own.path}`,
    ];
  });
}

function isPartOf(partition: string, disk: string): boolean {
  return partition === partitionName(disk, Number(/\d+$/.exec(partition)?.[0]));
}

/** Why there is not one disk to start from. */
function notOne(
  seen: Readonly<Record<"all" | "withSystem" | "started", readonly Seen[]>>,
  { systemId, espId }: BootClue,
): string {
  const names = (disks: readonly Seen[]) => disks.map(({ path }) => path).join(" and ");
  const what = `find the disk that was started, with system partition ${systemId}`;
  const unreadable = seen.all.flatMap(({ path, content }) =>
    content.kind === "unreadable" ? [`; ${path} cannot be read: ${content.reason}`] : [],
  );
  if (seen.withSystem.length === 0) return `${what}: no disk has it${unreadable.join("")}`;
  if (seen.started.length > 1) {
    return `${what}: ${names(seen.started)} both have it; take one of them out of the machine`;
  }
  const started = `partition ${espId} was started, which is not there${unreadable.join("")}`;
  return `${what}: ${names(seen.withSystem)} has it, but ${started}`;
}
