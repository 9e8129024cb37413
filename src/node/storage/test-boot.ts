// A boot for tests: kernel images of a few bytes, the firmware's variables, and a software TPM that
// measured what firmware and stub would have measured.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { addSections, type NewSection } from "../../base/format/pe.ts";
import { tinyPe } from "../../base/format/test-pe.ts";
import { efiVendor } from "../../base/linux/efi-variables.ts";
import type { TestSigner } from "../../base/tpm/test-tpm.ts";
import { formatSignedPolicies } from "../../base/tpm/tpm.ts";
import { POLICY_SECTION, predictPcrs } from "../../image/image.ts";

/** An image that `signers` have signed for what it will be measured as. */
export function testKernelImage(
  signers: readonly TestSigner[],
  commandLine = "ro noinitrd --",
  reference = "metropolis epoch 1",
): Uint8Array {
  const text = (name: string, content: string): NewSection => ({
    name,
    bytes: new TextEncoder().encode(content),
  });
  const stub = tinyPe(new TextEncoder().encode("stub"));
  const sections = [text(".cmdline", `${commandLine}\0`), text(".linux", "kernel")];
  const values = predictPcrs(addSections(stub, sections));
  if (signers.length === 0) return addSections(stub, sections);
  const policies = signers.map((signer) => signer.sign(values, reference));
  const policy = text(POLICY_SECTION, formatSignedPolicies(policies));
  return addSections(stub, [policy, ...sections]);
}

/** Sets the variable in which systemd-stub names the image that it was. */
export function nameStub(efivars: string, name: string): void {
  const attributes = Uint8Array.of(6, 0, 0, 0);
  const text = Buffer.from(`${name}\0`, "utf16le");
  const path = join(efivars, `StubImageIdentifier-${efiVendor.loader}`);
  writeFileSync(path, Buffer.concat([attributes, text]));
}
