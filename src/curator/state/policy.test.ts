// Tests of the policy on TPMs and storage, as tables.
import { expect, test } from "bun:test";
import {
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  NodeStorageSecurity as Security,
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { acceptsSealing, acceptsSecurity, recommendedSecurity, tpmUsage } from "./policy.ts";

const { TPM_MODE_REQUIRED, TPM_MODE_BEST_EFFORT, TPM_MODE_DISABLED, TPM_MODE_INVALID } = TpmMode;
const { NODE_TPM_USAGE_PRESENT_AND_USED: USED, NODE_TPM_USAGE_PRESENT_BUT_UNUSED: UNUSED } =
  TpmUsage;
const { NODE_TPM_USAGE_NOT_PRESENT: ABSENT } = TpmUsage;

test.each([
  [TPM_MODE_REQUIRED, true, USED],
  [TPM_MODE_REQUIRED, false, undefined],
  [TPM_MODE_BEST_EFFORT, true, USED],
  [TPM_MODE_BEST_EFFORT, false, ABSENT],
  [TPM_MODE_DISABLED, true, UNUSED],
  [TPM_MODE_DISABLED, false, ABSENT],
  [TPM_MODE_INVALID, true, undefined],
])("tpmUsage in mode %p with a TPM %p is %p", (mode, hasTpm, expected) => {
  expect(tpmUsage(mode, hasTpm)).toBe(expected);
});

test.each([
  [TPM_MODE_REQUIRED, USED, true, true],
  [TPM_MODE_REQUIRED, USED, false, false],
  [TPM_MODE_REQUIRED, ABSENT, false, false],
  [TPM_MODE_BEST_EFFORT, USED, true, true],
  [TPM_MODE_BEST_EFFORT, USED, false, false],
  [TPM_MODE_BEST_EFFORT, ABSENT, false, true],
  [TPM_MODE_BEST_EFFORT, ABSENT, true, false],
  [TPM_MODE_DISABLED, UNUSED, false, true],
  [TPM_MODE_DISABLED, UNUSED, true, false],
])("acceptsSealing in mode %p of usage %p, sealed %p, is %p", (mode, usage, sealed, expected) => {
  expect(acceptsSealing(mode, usage, sealed)).toBe(expected);
});

test.each([
  [Policy.PERMISSIVE, [false, true, true, true], Security.AUTHENTICATED_ENCRYPTED],
  [Policy.NEEDS_ENCRYPTION, [false, false, true, true], Security.ENCRYPTED],
  [
    Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION,
    [false, false, false, true],
    Security.AUTHENTICATED_ENCRYPTED,
  ],
  [Policy.NEEDS_INSECURE, [false, true, false, false], Security.INSECURE],
  [Policy.INVALID, [false, false, false, false], Security.AUTHENTICATED_ENCRYPTED],
])("acceptsSecurity and recommendedSecurity of policy %p", (policy, accepted, recommended) => {
  const all = [
    Security.INVALID,
    Security.INSECURE,
    Security.ENCRYPTED,
    Security.AUTHENTICATED_ENCRYPTED,
  ];
  expect(all.map((security) => acceptsSecurity(policy, security))).toEqual(accepted);
  expect(recommendedSecurity(policy)).toBe(recommended);
});
