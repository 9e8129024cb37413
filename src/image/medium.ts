// The installer medium: a USB stick, or a file that becomes one.
//
// It is a disk with one ESP, because that is what any firmware boots from when told to try USB.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { type ByteSource, bytesSource, fileSource } from "../base/format/byte-source.ts";
import { MIN_VOLUME_BYTES } from "../base/format/fat32-geometry.ts";
import { type SectorSize, usableRange } from "../base/format/gpt.ts";
import { formatSize } from "../base/format/size.ts";
import { BUNDLE_FILES, type Bundle, openBundle } from "./bundle.ts";
import { ImageError } from "./image-error.ts";
import { ALIGNMENT_BYTES, PARTITION_TYPE } from "./layout.ts";
import { NEEDS_UEFI } from "./legacy-bios.ts";
import { MEDIUM_PATHS } from "./paths.ts";
import type { Progress } from "./progress.ts";
import { replaceFile } from "./replace-file.ts";
import { readBack, writeTarget } from "./target.ts";
import { type ImagePlan, type Written, writeImage } from "./write-image.ts";

/** What to write, and where. */
export interface MediumOptions {
  /** A file, replaced when all is written, or a block device, overwritten in place. */
  readonly target: string;
  /** In bytes, for a block device; absent for a file, which becomes as large as it must be. */
  readonly deviceBytes?: number;
  /** Of the device; 512 for a file. */
  readonly sectorSize?: SectorSize;
  readonly bundlePath: string;
  /** Serialised NodeParameters. */
  readonly nodeParameters: Uint8Array;
  readonly progress?: Progress;
  /** Source of GUIDs, for media that must be the same each time. */
  readonly newId?: () => string;
  /** The volume's serial number; random if absent. */
  readonly volumeId?: number;
}

const MIB = 1 << 20;
const PARTITION = "MetropolisInstaller";
const LABEL = "METRO_INST";
/** Smaller ones exist in no shop, and FAT32 needs some size anyway. */
const MIN_IMAGE_BYTES = 64 * MIB;
/** With sectors of 4 KiB, FAT32 cannot be smaller than this. */
const MIN_VOLUME_BYTES_4K = 272 * MIB;

/**
 * Verifies the bundle, writes an installer medium, and reads it back.
 *
 * Throws an ImageError where the bundle is damaged, the device is too small or does not give back
 * what was written to it.
 */
export async function writeInstallerMedium(options: MediumOptions): Promise<void> {
  const { target, deviceBytes, progress = () => {} } = options;
  await using bundle = await openBundle(options.bundlePath);
  await bundle.verify(progress);
  const files = await mediumFiles(bundle, options);
  if (deviceBytes !== undefined) {
    const plan = planMedium(deviceBytes, files, options);
    const written = await writeTarget(target, deviceBytes, (device) =>
      writeImage(device, plan, progress),
    );
    await readBack(target, deviceBytes, written, progress);
    return;
  }
  await checkReplaceable(target);
  const size = espBytes(files, 512) + 2 * ALIGNMENT_BYTES;
  const plan = planMedium(size, files, options);
  let written: Written = { regions: [] };
  await replaceFile(
    target,
    // It carries a secret, or a ticket.
    { size, rights: 0o600 },
    async (device) => {
      written = await writeImage(device, plan, progress);
    },
    (temporary) => readBack(temporary, size, written, progress),
  );
}

type Files = Readonly<Record<string, ByteSource>>;

async function mediumFiles(
  bundle: Bundle,
  { bundlePath, nodeParameters }: MediumOptions,
): Promise<Files> {
  const hash = createHash("sha256").update(nodeParameters).digest("hex");
  return {
    [MEDIUM_PATHS.installer]: bundle.source(BUNDLE_FILES.installer),
    [MEDIUM_PATHS.bundle]: await fileSource(bundlePath),
    [MEDIUM_PATHS.parameters]: bytesSource(nodeParameters),
    [MEDIUM_PATHS.parametersHash]: bytesSource(new TextEncoder().encode(hash)),
  };
}

/** Room for the files, for tables and for half-filled clusters. */
function espBytes(files: Files, sectorSize: SectorSize): number {
  const content = Object.values(files).reduce((sum, { size }) => sum + size, 0);
  const minimum = sectorSize === 4096 ? MIN_VOLUME_BYTES_4K : MIN_VOLUME_BYTES;
  const least = Math.max(minimum, MIN_IMAGE_BYTES - 2 * ALIGNMENT_BYTES);
  return Math.max(least, Math.ceil((content * 1.02) / MIB + 4) * MIB);
}

function planMedium(diskBytes: number, files: Files, options: MediumOptions): ImagePlan {
  const { sectorSize = 512, newId = randomUUID } = options;
  const esp = { offset: ALIGNMENT_BYTES, size: espBytes(files, sectorSize) };
  if (esp.offset + esp.size > usableRange(diskBytes, sectorSize).end) {
    const need = formatSize(esp.size + 2 * ALIGNMENT_BYTES);
    throw new ImageError(
      `${options.target} is too small: it has ${formatSize(diskBytes)}, ` +
        `the installer needs ${need}`,
    );
  }
  const partition = { type: PARTITION_TYPE.esp, id: newId(), name: PARTITION, ...esp };
  return {
    table: { diskId: newId(), sectorSize, partitions: [partition], bootCode: NEEDS_UEFI },
    clear: [],
    raw: [],
    volume: {
      ...esp,
      sectorSize,
      label: LABEL,
      volumeId: options.volumeId ?? randomBytes(4).readUInt32LE(),
    },
    files,
    step: "Writing installer",
  };
}

async function checkReplaceable(target: string): Promise<void> {
  const existing = await stat(target).catch(() => undefined);
  if (existing !== undefined && !existing.isFile()) {
    throw new ImageError(`${target} is not a file, and not a block device of known size`);
  }
}
