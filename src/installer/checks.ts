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

/** What becomes of a machine's TPM, as far as the medium says. */
export function tpmMode({ cluster }: NodeParameters): TpmMode | undefined {
  // Whoever registers with a cluster learns its rules from the cluster.
  if (cluster.case !== "clusterBootstrap") return undefined;
  const mode = cluster.value.initialClusterConfiguration?.tpmMode;
  return mode || TpmMode.TPM_MODE_REQUIRED;
}

/** Throws an InstallerError if the machine lacks what the parameters demand. */
export function checkSecurity(parameters: NodeParameters, machine: Security): void {
  const mode = tpmMode(parameters);
  if (mode === TpmMode.TPM_MODE_REQUIRED && !machine.hasTpm) {
    throw new InstallerError(
      "This machine has no TPM 2.0, which the cluster requires. Switch it on in the firmware's " +
        "settings, or write a medium with --bootstrap-tpm-mode=best-effort",
    );
  }
  const isUsed = mode === TpmMode.TPM_MODE_REQUIRED || mode === TpmMode.TPM_MODE_BEST_EFFORT;
  if (!isUsed || !machine.hasTpm || machine.isSecureBoot) return;
  // Without Secure Boot the TPM would seal the key to a state that anyone can bring about. The node
  // would say so at its first start; here nothing is written yet.
  throw new InstallerError(
    "Secure Boot is off, and the cluster uses this machine's TPM. Enrol the keys and switch it on " +
      "in the firmware's settings, or write a medium with --bootstrap-tpm-mode=disabled",
  );
}
