// The node parameters: what the installation medium, or the host of a virtual machine,
// wants this machine to become.
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { removeFileAtomic } from "../../base/linux/atomic-file.ts";
import {
  type NodeParameters,
  NodeParametersSchema,
} from "../../gen/metropolis/proto/api/configuration_pb.ts";
import { EnrolmentError } from "./enrolment-error.ts";

/** Where QEMU's -fw_cfg name=dev.monogon.metropolis/parameters.pb appears. */
export const FIRMWARE_PARAMETERS =
  "/sys/firmware/qemu_fw_cfg/by_name/dev.monogon.metropolis/parameters.pb/raw";

/** Reads the first of the files that exists; undefined if none does. */
export async function readParameters(
  paths: readonly string[],
): Promise<NodeParameters | undefined> {
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const bytes = await readFile(path);
  try {
    return fromBinary(NodeParametersSchema, bytes);
  } catch (cause) {
    throw new EnrolmentError(
      `read node parameters from ${path}: damaged`,
      "Install the node again",
      { cause },
    );
  }
}

/**
 * Deletes a file on the ESP with secrets that nobody needs any more.
 *
 * Overwritten first: deleting alone leaves the bytes in free clusters of the FAT.
 */
export async function eraseFile(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.write(new Uint8Array(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await removeFileAtomic(path);
}
