// The TPM of a machine: swtpm's state folder, made once with the machine, and the
// program that plays it while the machine is on.
import { existsSync, mkdirSync } from "node:fs";
import { run } from "../base/process/process.ts";
import { programPath } from "./packages.ts";
import type { MachinePaths } from "./paths.ts";

/**
 * Manufactures a TPM. Only the SHA-256 bank: the firmware extends every active
 * one with every image it loads, which costs seconds under TCG.
 */
export async function manufactureTpm({ tpm }: MachinePaths): Promise<void> {
  if (existsSync(tpm)) return;
  mkdirSync(tpm, { mode: 0o700 });
  await run(["swtpm_setup", "--tpm2", "--tpmstate", tpm, "--pcr-banks", "sha256"], {
    env: { PATH: programPath },
  });
}

/** swtpm for one power-on; it ends when QEMU hangs up. */
export function tpmProgram({ tpm, tpmSocket }: MachinePaths): readonly string[] {
  return [
    ...["swtpm", "socket", "--tpm2", "--terminate"],
    ...["--tpmstate", `dir=${tpm},mode=0600`],
    ...["--ctrl", `type=unixio,path=${tpmSocket},mode=0600`],
  ];
}
