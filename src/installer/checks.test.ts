// Tests of what a machine must have.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NodeParametersSchema } from "../gen/metropolis/proto/api/configuration_pb.ts";
import { ClusterConfiguration_TPMMode as TpmMode } from "../gen/metropolis/proto/common/common_pb.ts";
import { checkFirmware, checkSecurity, tpmMode } from "./checks.ts";
import { InstallerError } from "./installer-error.ts";

type Cluster = MessageInitShape<typeof NodeParametersSchema>["cluster"];

function parameters(cluster: Cluster) {
  return create(NodeParametersSchema, cluster === undefined ? {} : { cluster });
}

function bootstrap(tpmMode?: TpmMode) {
  const value = tpmMode === undefined ? {} : { initialClusterConfiguration: { tpmMode } };
  return parameters({ case: "clusterBootstrap", value });
}

test("checkFirmware refuses a legacy BIOS", () => {
  expect(() => checkFirmware(false)).toThrow("This machine was started by a legacy BIOS");
  expect(() => checkFirmware(true)).not.toThrow();
});

test.each([
  ["required", bootstrap(TpmMode.TPM_MODE_REQUIRED), TpmMode.TPM_MODE_REQUIRED],
  ["unset", bootstrap(), TpmMode.TPM_MODE_REQUIRED],
  ["best effort", bootstrap(TpmMode.TPM_MODE_BEST_EFFORT), TpmMode.TPM_MODE_BEST_EFFORT],
  ["disabled", bootstrap(TpmMode.TPM_MODE_DISABLED), TpmMode.TPM_MODE_DISABLED],
  ["up to the cluster", parameters({ case: "clusterRegister", value: {} }), undefined],
  ["not said at all", parameters(undefined), undefined],
])("tpmMode where the TPM is %s", (_, given, expected) => {
  expect(tpmMode(given)).toBe(expected);
});

test.each([
  [false, true, "This machine has no TPM 2.0"],
  [true, false, "Secure Boot is off"],
  [false, false, "This machine has no TPM 2.0"],
])("checkSecurity with TPM %p and Secure Boot %p says why", (hasTpm, isSecureBoot, reason) => {
  const check = () => checkSecurity(bootstrap(), { hasTpm, isSecureBoot });
  expect(check).toThrow(InstallerError);
  expect(check).toThrow(reason);
});

test("checkSecurity lets pass what is there or not demanded", () => {
  expect(checkSecurity(bootstrap(), { hasTpm: true, isSecureBoot: true })).toBeUndefined();
  const easy = bootstrap(TpmMode.TPM_MODE_BEST_EFFORT);
  expect(checkSecurity(easy, { hasTpm: false, isSecureBoot: false })).toBeUndefined();
  const none = bootstrap(TpmMode.TPM_MODE_DISABLED);
  expect(checkSecurity(none, { hasTpm: true, isSecureBoot: false })).toBeUndefined();
});

test("checkSecurity wants Secure Boot wherever a TPM is there to be used", () => {
  const easy = bootstrap(TpmMode.TPM_MODE_BEST_EFFORT);
  const check = () => checkSecurity(easy, { hasTpm: true, isSecureBoot: false });
  expect(check).toThrow("--bootstrap-tpm-mode=disabled");
});
