// What a new cluster will be like, decided from the node parameters and the machine
// before anything is written. Decisions only.
import { clone, create } from "@bufbuild/protobuf";
import type { NodeParameters_ClusterBootstrap } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import {
  type ClusterConfiguration,
  ClusterConfigurationSchema,
  type NodeLabels,
  NodeLabelsSchema,
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  NodeStorageSecurity as Security,
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Protection } from "../storage/luks.ts";
import { EnrolmentError } from "./enrolment-error.ts";

/** Length of an Ed25519 public key. */
const KEY_BYTES = 32;
/** SHA-256. */
const HASH_BYTES = 32;

/** Everything about a new cluster that is decided and not random. */
export interface BootstrapPlan {
  readonly ownerPublicKey: Uint8Array;
  /** Empty where the medium carried none. */
  readonly ownershipSecret: Uint8Array;
  /** X25519; empty where the medium carried none. */
  readonly operatorRecoveryKey: Uint8Array;
  /** The cluster is that of a backup. */
  readonly isRestore: boolean;
  /** Then the fingerprint of the CA that must have signed it, else empty. */
  readonly restoreCa: string;
  readonly configuration: ClusterConfiguration;
  readonly labels: NodeLabels;
  readonly tpmUsage: TpmUsage;
  readonly storageSecurity: Security;
}

const WRITE_MEDIUM = "Write the installation medium anew with metroctl and install again";

/** The configuration with what is unset in it filled in. */
function withDefaults(given: ClusterConfiguration | undefined): ClusterConfiguration {
  const result = clone(ClusterConfigurationSchema, given ?? create(ClusterConfigurationSchema));
  result.tpmMode ||= TpmMode.TPM_MODE_REQUIRED;
  result.storageSecurityPolicy ||= Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION;
  return result;
}

function chooseTpmUsage(mode: TpmMode, hasTpm: boolean): TpmUsage {
  if (mode === TpmMode.TPM_MODE_DISABLED) {
    return hasTpm
      ? TpmUsage.NODE_TPM_USAGE_PRESENT_BUT_UNUSED
      : TpmUsage.NODE_TPM_USAGE_NOT_PRESENT;
  }
  if (hasTpm) return TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED;
  if (mode === TpmMode.TPM_MODE_BEST_EFFORT) return TpmUsage.NODE_TPM_USAGE_NOT_PRESENT;
  throw new EnrolmentError(
    "the cluster requires a TPM, and this machine has none",
    "Enable the TPM 2.0 in the firmware, or use --bootstrap-tpm-mode when writing the medium",
  );
}

function chooseSecurity(policy: Policy): Security {
  switch (policy) {
    case Policy.NEEDS_INSECURE:
      return Security.INSECURE;
    case Policy.NEEDS_ENCRYPTION:
      return Security.ENCRYPTED;
    case Policy.PERMISSIVE:
    case Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION:
      return Security.AUTHENTICATED_ENCRYPTED;
    default:
      throw new EnrolmentError(`storage security policy ${policy} is unknown`, WRITE_MEDIUM);
  }
}

/** Decides what to make of bootstrap parameters on this machine. */
export function planBootstrap(
  parameters: NodeParameters_ClusterBootstrap,
  hasTpm: boolean,
): BootstrapPlan {
  const { ownerPublicKey, ownershipSecret, operatorRecoveryKey, labels } = parameters;
  if (ownerPublicKey.length !== KEY_BYTES) {
    const found = `${ownerPublicKey.length} bytes, not ${KEY_BYTES}`;
    throw new EnrolmentError(`the owner's public key has ${found}`, WRITE_MEDIUM);
  }
  const configuration = withDefaults(parameters.initialClusterConfiguration);
  return {
    ownerPublicKey,
    ownershipSecret,
    operatorRecoveryKey,
    isRestore: parameters.restore,
    restoreCa: parameters.restore ? restoreCa(parameters) : "",
    configuration,
    labels: labels ?? create(NodeLabelsSchema),
    tpmUsage: chooseTpmUsage(configuration.tpmMode, hasTpm),
    storageSecurity: chooseSecurity(configuration.storageSecurityPolicy),
  };
}

/** A machine that cannot tell a forged backup from ours would take it. */
function restoreCa({ restoreCaFingerprint: hash }: NodeParameters_ClusterBootstrap): string {
  if (hash.length === HASH_BYTES) return `SHA256:${hash.toHex()}`;
  const found = `${hash.length} bytes, not ${HASH_BYTES}`;
  throw new EnrolmentError(`the fingerprint of the backup's CA has ${found}`, WRITE_MEDIUM);
}

/** How a storage security of the API is done on the disk. */
export function protection(security: Security): Protection {
  switch (security) {
    case Security.INSECURE:
      return "insecure";
    case Security.ENCRYPTED:
      return "encrypted";
    case Security.AUTHENTICATED_ENCRYPTED:
      return "authenticated";
    default:
      throw new EnrolmentError(
        `storage security ${security} is unknown`,
        "The node was installed by a newer release; install that one",
      );
  }
}
