// Tests of the decisions about a new cluster.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NodeParameters_ClusterBootstrapSchema } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import {
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  NodeStorageSecurity as Security,
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { planBootstrap, protection } from "./plan.ts";

const ownerPublicKey = new Uint8Array(32).fill(3);

function parameters(init: MessageInitShape<typeof NodeParameters_ClusterBootstrapSchema> = {}) {
  return create(NodeParameters_ClusterBootstrapSchema, { ownerPublicKey, ...init });
}

function withMode(tpmMode: TpmMode) {
  return parameters({ initialClusterConfiguration: { tpmMode } });
}

test("planBootstrap fills in what the parameters leave open", () => {
  const plan = planBootstrap(parameters(), true);
  expect(plan.configuration.tpmMode).toBe(TpmMode.TPM_MODE_REQUIRED);
  expect(plan.configuration.storageSecurityPolicy).toBe(Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION);
  expect(plan.labels.pairs).toEqual([]);
  expect(plan.ownershipSecret.length).toBe(0);
});

test("planBootstrap keeps what the parameters say", () => {
  const labels = { pairs: [{ key: "rack", value: "7" }] };
  const initialClusterConfiguration = { clusterDomain: "example.org" };
  const plan = planBootstrap(parameters({ labels, initialClusterConfiguration }), true);
  expect(plan.labels.pairs[0]).toMatchObject({ key: "rack", value: "7" });
  expect(plan.configuration.clusterDomain).toBe("example.org");
});

test("planBootstrap takes a backup of one CA only", () => {
  const restoreCaFingerprint = new Uint8Array(32).fill(0xab);
  const plan = planBootstrap(parameters({ restore: true, restoreCaFingerprint }), true);
  expect([plan.isRestore, plan.restoreCa]).toEqual([true, `SHA256:${"ab".repeat(32)}`]);
  expect(planBootstrap(parameters(), true).restoreCa).toBe("");
  const blind = () => planBootstrap(parameters({ restore: true }), true);
  expect(blind).toThrow("the fingerprint of the backup's CA has 0 bytes, not 32");
  expect(blind).toThrow(EnrolmentError);
});

test("planBootstrap refuses an owner key of another length", () => {
  const wrong = parameters({ ownerPublicKey: new Uint8Array(31) });
  expect(() => planBootstrap(wrong, true)).toThrow("the owner's public key has 31 bytes, not 32");
});

test.each([
  [TpmMode.TPM_MODE_REQUIRED, true, TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED],
  [TpmMode.TPM_MODE_BEST_EFFORT, true, TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED],
  [TpmMode.TPM_MODE_BEST_EFFORT, false, TpmUsage.NODE_TPM_USAGE_NOT_PRESENT],
  [TpmMode.TPM_MODE_DISABLED, true, TpmUsage.NODE_TPM_USAGE_PRESENT_BUT_UNUSED],
  [TpmMode.TPM_MODE_DISABLED, false, TpmUsage.NODE_TPM_USAGE_NOT_PRESENT],
])("planBootstrap in TPM mode %d with a TPM: %p", (mode, hasTpm, usage) => {
  expect(planBootstrap(withMode(mode), hasTpm).tpmUsage).toBe(usage);
});

test("planBootstrap refuses a machine without the TPM that the cluster requires", () => {
  const attempt = () => planBootstrap(withMode(TpmMode.TPM_MODE_REQUIRED), false);
  expect(attempt).toThrow(EnrolmentError);
  expect(attempt).toThrow("requires a TPM");
});

test.each([
  [Policy.PERMISSIVE, Security.AUTHENTICATED_ENCRYPTED, "authenticated"],
  [Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION, Security.AUTHENTICATED_ENCRYPTED, "authenticated"],
  [Policy.NEEDS_ENCRYPTION, Security.ENCRYPTED, "encrypted"],
  [Policy.NEEDS_INSECURE, Security.INSECURE, "insecure"],
] as const)(
  "planBootstrap under policy %d protects the disk with %d: %s",
  (policy, security, way) => {
    const given = parameters({ initialClusterConfiguration: { storageSecurityPolicy: policy } });
    expect(planBootstrap(given, true).storageSecurity).toBe(security);
    expect(protection(security)).toBe(way);
  },
);

test("planBootstrap and protection refuse what they do not know", () => {
  const unknown: number = 99;
  const given = parameters({ initialClusterConfiguration: { storageSecurityPolicy: unknown } });
  expect(() => planBootstrap(given, true)).toThrow("policy 99 is unknown");
  expect(() => protection(Security.INVALID)).toThrow(EnrolmentError);
});
