// Writing a node onto a disk, as the installer does it.
//
// write-image.ts has the order of writes that makes a power cut harmless; this file says what goes
// where, and that all of it is what the bundle's manifest lists.
import { randomBytes, randomUUID } from "node:crypto";
import type { SectorSize } from "../base/format/gpt.ts";
import { BUNDLE_FILES, type Bundle } from "./bundle.ts";
import { espFiles } from "./esp.ts";
import { ImageError } from "./image-error.ts";
import {
  type DiskPlan,
  ESP_LABEL,
  type Extent,
  planDisk,
  planPartitions,
  slotId,
} from "./layout.ts";
import { NEEDS_UEFI } from "./legacy-bios.ts";
import type { Progress } from "./progress.ts";
import { type HashedSource, hashed } from "./sha256.ts";
import { readBack, writeTarget } from "./target.ts";
import { type ImagePlan, writeImage } from "./write-image.ts";

/** What to install, and on what. */
export interface InstallOptions {
  /** A block device, or a file that stands for one. */
  readonly disk: string;
  /** In bytes. */
  readonly diskBytes: number;
  readonly sectorSize?: SectorSize;
  readonly bundle: Bundle;
  /** Serialised NodeParameters, for the node's first boot. */
  readonly parameters: Uint8Array;
  readonly progress?: Progress;
  /** Source of GUIDs, for disks that must be the same each time. */
  readonly newId?: () => string;
  /** The ESP's serial number; random if absent. */
  readonly volumeId?: number;
}

/** What an installation tells: enough to make the firmware's boot entry. */
export interface InstalledDisk {
  readonly plan: DiskPlan;
  /** The ESP's GUID. */
  readonly espId: string;
  /** The ESP's number in the table, counted from 1. */
  readonly espNumber: number;
}

const MIB = 1 << 20;

/**
 * What is cleared of the data partition: the header and key slots of an old LUKS volume.
 *
 * Without them the old data is gone for good, even if somebody has the old keys, and the node's
 * first boot finds an empty partition.
 */
const DATA_CLEAR_BYTES = 16 * MIB;
/** Enough of the second slot that nobody takes the rest for a file system. */
const SLOT_CLEAR_BYTES = MIB;

/**
 * Writes a node onto a disk and reads it back.
 *
 * Everything that was on the disk is lost. Throws an ImageError where the disk is too small
 * (nothing was written then), the bundle is not what its manifest says (the disk has no partition
 * table then), or the disk does not give back what was written.
 */
export async function writeNodeDisk(options: InstallOptions): Promise<InstalledDisk> {
  const { disk, diskBytes, bundle, progress = () => {} } = options;
  const { plan, image, checkContents } = planInstall(options);
  const written = await writeTarget(disk, diskBytes, (device) =>
    writeImage(device, image, progress, checkContents),
  );
  await readBack(disk, diskBytes, written, progress);
  const esp = image.table.partitions[0];
  if (esp === undefined) throw new ImageError(`${bundle.manifest.version}: no ESP planned`);
  return { plan, espId: esp.id, espNumber: 1 };
}

/** The plan, and a check that what was streamed is what the manifest lists. */
export interface InstallPlan {
  readonly plan: DiskPlan;
  readonly image: ImagePlan;
  readonly checkContents: () => void;
}

/** Everything that an installation will write. */
export function planInstall(options: InstallOptions): InstallPlan {
  const { bundle, newId = randomUUID, sectorSize = 512 } = options;
  const streamed = new Map<string, HashedSource>();
  const source = (name: string) => {
    const content = hashed(bundle.source(name));
    streamed.set(name, content);
    return content;
  };
  const system = source(BUNDLE_FILES.system);
  const plan = planDisk(options.diskBytes, system.size, sectorSize);
  const systemA = slotId(bundle.manifest.verity.rootHash);
  const ids = { esp: newId(), systemA, systemB: newId(), data: newId() };
  const partitions = planPartitions(plan, ids);
  const image = {
    table: { diskId: newId(), sectorSize, partitions, bootCode: NEEDS_UEFI },
    clear: [beginning(plan.systemB, SLOT_CLEAR_BYTES), beginning(plan.data, DATA_CLEAR_BYTES)],
    raw: [{ name: BUNDLE_FILES.system, offset: plan.systemA.offset, source: system }],
    volume: {
      ...plan.esp,
      sectorSize,
      label: ESP_LABEL,
      volumeId: options.volumeId ?? randomBytes(4).readUInt32LE(),
    },
    files: espFiles(source, options.parameters),
    step: "Writing system",
  };
  return { plan, image, checkContents: () => checkStreamed(bundle, streamed) };
}

/**
 * The installer verifies the bundle before; a medium that reads differently the second time is
 * caught here, with no partition table on the disk yet.
 */
function checkStreamed(bundle: Bundle, streamed: ReadonlyMap<string, HashedSource>): void {
  for (const [name, content] of streamed) {
    const { sha256 } = bundle.file(name);
    if (content.digest() === sha256) continue;
    throw new ImageError(
      `${name}: sha256 is ${content.digest()}, manifest says ${sha256}: ` +
        "the installer medium is faulty, write it again",
    );
  }
}

function beginning({ offset, size }: Extent, length: number): Extent {
  return { offset, size: Math.min(size, length) };
}
