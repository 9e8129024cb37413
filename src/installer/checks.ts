// What a machine must have, before anything is read or written. No I/O here.
import type { NodeParameters } from "../gen/metropolis/proto/api/configuration_pb.ts";
import { ClusterConfiguration_TPMMode as TpmMode } from "../gen/metropolis/proto/common/common_pb.ts";
import { InstallerError } from "./installer-error.ts";

/** What the installer found out about the machine. */
export interface Security {
  readonly hasTpm: boolean;
  readonly isSecureBoot: boolean;
}

/** Throws an InstallerError if the firmware is not EFI: nothing we have would boot. */
export function checkFirmware(hasEfi: boolean): void {
  if (hasEfi) return;
  throw new InstallerError(
    "This machine was started by a legacy BIOS, and Metropolis needs UEFI. " +
      "Switch the firmware to UEFI mode, without a compatibility module",
  );
}

/** True if the node to be will not work without a TPM and Secure Boot. */
export function needsTpm({ cluster }: NodeParameters): boolean {
  // Whoever registers with a cluster learns its rules from the cluster.
  if (cluster.case !== "clusterBootstrap") return false;
  const mode = cluster.value.initialClusterConfiguration?.tpmMode ?? TpmMode.TPM_MODE_INVALID;
  return mode === TpmMode.TPM_MODE_INVALID || mode === TpmMode.TPM_MODE_REQUIRED;
}

/** Throws an InstallerError if the machine lacks what the parameters demand. */
export function checkSecurity(parameters: NodeParameters, machine: Security): void {
  if (!needsTpm(parameters)) return;
  if (!machine.hasTpm) {
    throw new InstallerError(
      "This machine has no TPM 2.0, which the cluster requires. Switch it on in the firmware's " +
        "settings, or write a medium with --bootstrap-tpm-mode=best-effort",
    );
  }
  // Without Secure Boot the TPM would seal the key to a state that anyone can bring about.
  if (!machine.isSecureBoot) {
    throw new InstallerError(
      "Secure Boot is off, and the cluster requires it. Enrol the keys and switch it on in the " +
        "firmware's settings, or write a medium with --bootstrap-tpm-mode=best-effort",
    );
  }
}
