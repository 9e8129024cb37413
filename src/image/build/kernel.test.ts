// Kernel options that were asked for and not honoured.
import { expect, test } from "bun:test";
import { refusedOptions } from "./kernel.ts";

const config = `CONFIG_DM_VERITY=y
CONFIG_NR_CPUS=512
CONFIG_LOCALVERSION="-metropolis"
# CONFIG_MODULES is not set
`;

test("refusedOptions is empty when the configuration honours every line", () => {
  const ours = `# A comment
CONFIG_DM_VERITY=y
CONFIG_MODULES=n
CONFIG_NEVER_HEARD_OF=n
CONFIG_LOCALVERSION="-metropolis"
`;
  expect(refusedOptions(ours, config)).toEqual([]);
});

test("refusedOptions names lines that were dropped or changed", () => {
  const ours = "CONFIG_TCG_TPM=y\nCONFIG_NR_CPUS=64\nCONFIG_DM_VERITY=n\n";
  expect(refusedOptions(ours, config)).toEqual([
    "CONFIG_TCG_TPM=y",
    "CONFIG_NR_CPUS=64",
    "CONFIG_DM_VERITY=n",
  ]);
});
