// Kernel options that were asked for and not honoured.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { refusedOptions } from "./kernel.ts";

test("the kernel's recipe imports nothing, so that no other change compiles it anew", () => {
  const recipe = readFileSync(join(import.meta.dir, "kernel-recipe.ts"), "utf8");
  expect(recipe).not.toContain("import");
});

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
