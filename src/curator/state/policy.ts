// What the configuration of the cluster says about the TPM and the storage of
// nodes. Decisions only: no state, no errors.
import {
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  NodeStorageSecurity as Security,
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";

/** What a node shall do with its TPM; undefined: it is not admitted. */
export function tpmUsage(mode: TpmMode, hasTpm: boolean): TpmUsage | undefined {
  switch (mode) {
    case TpmMode.TPM_MODE_REQUIRED:
      return hasTpm ? TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED : undefined;
    case TpmMode.TPM_MODE_BEST_EFFORT:
      return hasTpm
        ? TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED
        : TpmUsage.NODE_TPM_USAGE_NOT_PRESENT;
    case TpmMode.TPM_MODE_DISABLED:
      return hasTpm
        ? TpmUsage.NODE_TPM_USAGE_PRESENT_BUT_UNUSED
        : TpmUsage.NODE_TPM_USAGE_NOT_PRESENT;
    default:
      return undefined;
  }
}

/** Whether a node may join with its secrets sealed by a TPM, or not sealed. */
export function acceptsSealing(mode: TpmMode, usage: TpmUsage, isSealed: boolean): boolean {
  if (mode === TpmMode.TPM_MODE_REQUIRED && !isSealed) return false;
  if (mode === TpmMode.TPM_MODE_DISABLED && isSealed) return false;
  return isSealed === (usage === TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED);
}

/** How nodes are advised to protect their storage. */
export function recommendedSecurity(policy: Policy): Security {
  switch (policy) {
    case Policy.NEEDS_ENCRYPTION:
      return Security.ENCRYPTED;
    case Policy.NEEDS_INSECURE:
      return Security.INSECURE;
    default:
      return Security.AUTHENTICATED_ENCRYPTED;
  }
}

/** Whether a node may be a member with its storage protected so. */
export function acceptsSecurity(policy: Policy, security: Security): boolean {
  switch (policy) {
    case Policy.PERMISSIVE:
      return security !== Security.INVALID;
    case Policy.NEEDS_ENCRYPTION:
      return security === Security.ENCRYPTED || security === Security.AUTHENTICATED_ENCRYPTED;
    case Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION:
      return security === Security.AUTHENTICATED_ENCRYPTED;
    case Policy.NEEDS_INSECURE:
      return security === Security.INSECURE;
    default:
      return false;
  }
}
