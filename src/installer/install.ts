// The installation, step by step. Everything it knows of the machine comes in as an argument.
import { fromBinary } from "@bufbuild/protobuf";
import type { EfiFile } from "../base/format/efi-variable.ts";
import type { BlockDevice } from "../base/linux/block-device.ts";
import { errorText } from "../base/logtree/logtree.ts";
import {
  type NodeParameters,
  NodeParametersSchema,
} from "../gen/metropolis/proto/api/configuration_pb.ts";
import {
  BUNDLE_FILES,
  type Bundle,
  diskContent,
  ESP_PATHS,
  type InstalledDisk,
  minimumDiskBytes,
  openBundle,
  type Progress,
  writeNodeDisk,
} from "../image/image.ts";
import { checkFirmware, checkSecurity, type Security } from "./checks.ts";
import { type Candidate, chooseDisk, disksAmong, warnings } from "./disks.ts";
import { InstallerError } from "./installer-error.ts";
import type { Medium } from "./medium.ts";
import { stepPrinter } from "./step-printer.ts";

/** The machine, as far as the installer deals with it. */
export interface Machine extends Security {
  readonly hasEfi: boolean;
  openMedium(): Promise<Medium>;
  disks(): readonly BlockDevice[];
  /** Makes the firmware start the file first. */
  addBootEntry(file: EfiFile): void;
}

/**
 * What goes onto the disk. The rest of the bundle, the installer itself above all, is not read
 * again: it runs already, and reading is what installing takes time for.
 */
const INSTALLED_FILES = [BUNDLE_FILES.system, BUNDLE_FILES.kernel, BUNDLE_FILES.loader];

/** The bundle was whole when the medium was written, says the metroctl that wrote it. */
const WRITE_AGAIN = "write the medium again, or use another one";

/** Tells the person in front of the machine a line. */
export type Print = (line: string) => void;

/**
 * Installs to the first suitable disk.
 *
 * Throws an InstallerError or ImageError whose message is for the person in front of the machine.
 */
export async function install(machine: Machine, print: Print): Promise<void> {
  checkFirmware(machine.hasEfi);
  const medium = await machine.openMedium();
  const parameters = parseParameters(medium.parameters);
  checkSecurity(parameters, machine);
  await using bundle = await openBundle(medium.bundle, WRITE_AGAIN);
  const { version } = bundle.manifest;
  print(`This medium installs Metropolis ${version}`);
  const needBytes = minimumDiskBytes(bundle.file(BUNDLE_FILES.system).size);
  const disks = await lookAt(machine);
  const disk = chooseDisk(disks, { medium: medium.disk, needBytes });
  for (const warning of warnings(disks, disk)) print(warning);
  const progress = stepPrinter(print);
  await bundle.verify(progress, INSTALLED_FILES);
  // The handbook promises this line as it is.
  print(`Installing to ${disk.path}...`);
  const installed = await write(disk, bundle, medium.parameters, progress);
  tellFirmware(machine, disk, installed, print);
  print(`Installed Metropolis ${version} to ${disk.path}`);
}

/** The machine's disks, and what lies on each. */
function lookAt({ disks }: Machine): Promise<readonly Candidate[]> {
  return Promise.all(
    disksAmong(disks()).map(async (disk) => ({
      ...disk,
      content: await diskContent(placeOf(disk)),
    })),
  );
}

function placeOf({ path, size, sectorSize }: BlockDevice) {
  return { path, size: Number(size), sectorSize: sectorSize === 4096 ? 4096 : 512 } as const;
}

function parseParameters(bytes: Uint8Array): NodeParameters {
  const damaged = "The node parameters on the medium are damaged. Write it again";
  let parameters: NodeParameters;
  try {
    parameters = fromBinary(NodeParametersSchema, bytes);
  } catch (cause) {
    throw new InstallerError(damaged, { cause });
  }
  // A node of it would have nothing to become.
  if (parameters.cluster.case === undefined) throw new InstallerError(damaged);
  return parameters;
}

async function write(
  disk: BlockDevice,
  bundle: Bundle,
  parameters: Uint8Array,
  progress: Progress,
): Promise<InstalledDisk> {
  return await writeNodeDisk({
    disk: disk.path,
    diskBytes: Number(disk.size),
    sectorSize: placeOf(disk).sectorSize,
    bundle,
    parameters,
    progress,
  });
}

/** A firmware that refuses is no reason to fail: it also finds the disk by the default path. */
function tellFirmware(
  machine: Machine,
  disk: BlockDevice,
  { plan, espId, espNumber }: InstalledDisk,
  print: Print,
): void {
  try {
    machine.addBootEntry({
      partitionNumber: espNumber,
      partitionOffset: plan.esp.offset,
      partitionSize: plan.esp.size,
      partitionId: espId,
      sectorSize: disk.sectorSize,
      path: ESP_PATHS.loader,
    });
  } catch (error) {
    print(
      `Could not add a boot entry: ${errorText(error)}. ` +
        `If the machine does not start from ${disk.path}, choose it in the firmware's settings`,
    );
  }
}
