// The node parameters: what the installation medium, or the host of a virtual machine,
// wants this machine to become.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
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
