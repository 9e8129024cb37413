// Tests of what may come between the steps of unsealing, and of the words for refusals.
import { expect, test } from "bun:test";
import { readPcrs, seal, unseal } from "./seal.ts";
import { softwareTpm, testSigner } from "./test-tpm.ts";
import { type Tools, tools, withoutManager } from "./tools.ts";
import { failureOf, toolError } from "./tpm-error.ts";

const REFERENCE = "some reference";

test("unseal begins anew when somebody extends a PCR meanwhile", async () => {
  await using software = await softwareTpm();
  const run = withoutManager(tools(software.tcti));
  const signer = testSigner();
  const secret = Uint8Array.of(1, 2, 3);
  const sealed = await seal(run, software.scratch, secret, {
    key: signer.key,
    reference: REFERENCE,
  });
  const signed = signer.sign(await readPcrs(run, software.scratch, [9, 11]), REFERENCE);
  const tries = { unseal: 0 };
  const meddling: Tools = async (args, input) => {
    if (args[0] === "unseal" && tries.unseal++ === 0) await software.extend(4);
    return run(args, input);
  };
  expect(await unseal(meddling, software.scratch, sealed, signer.key, signed)).toEqual(secret);
  expect(tries.unseal).toBe(2);
});

test.each([
  ["unseal", "ERROR: Esys_Unseal(0x99D) - tpm:session(1):a policy check failed", "secureBoot"],
  ["unseal", "ERROR: Esys_Unseal(0xA9D)", "secureBoot"],
  ["unseal", "ERROR: Esys_Unseal(0x128) - tpm:error(2.0): PCR have changed", "moved"],
  ["policyauthorize", "ERROR: Esys_PolicyAuthorize(0x1C4) - tpm:parameter(1):value", "image"],
  ["load", "ERROR: Esys_Load(0x1C4) - tpm:parameter(1):value", "failed"],
  [
    "verifysignature",
    "ERROR: Esys_VerifySignature(0x2DB) - the signature is not valid",
    "unsigned",
  ],
  ["load", "ERROR: Eys_Load(0x1DF) - tpm:parameter(1):integrity check failed", "foreign"],
  ["load", "ERROR: Esys_Load(0x921) - tpm:warn(2.0): authorizations for objects", "failed"],
  ["load", "", "failed"],
] as const)("failureOf recognises what %s says: %s", (command, stderr, kind) => {
  expect(failureOf(command, stderr)).toBe(kind);
});

test("toolError says what the TPM said where it has no words of its own", () => {
  const error = toolError("load", "ERROR: Esys_Load(0x921) - lockout\nmore\n", undefined);
  expect(error.message).toBe("tpm2 load: the TPM failed: Esys_Load(0x921) - lockout");
});
