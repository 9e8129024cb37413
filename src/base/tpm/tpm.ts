// The machine's TPM, through tpm2-tools: sealing of keys, measuring, and random numbers.
//
//   signed policy ("PCR 9, 11, 12 are those of this release") ─┐
//   PCR 7, as at the time of sealing ──────────────────────────┴─▶ unseal ─▶ key
//
// Only keys of a few bytes go through the TPM; whoever seals more encrypts it under such a key.
// Secrets travel by stdin and stdout, and encrypted on the way to the chip; what lies in the
// scratch folder meanwhile is encrypted by the TPM, or public.
import { existsSync } from "node:fs";
import { Lock } from "../event/event.ts";
import type { PcrValues, PolicyKey } from "./policy.ts";
import { withScratch } from "./scratch.ts";
import { type Authority, readPcrs, seal, unseal } from "./seal.ts";
import type { SignedPolicy } from "./signed-policy.ts";
import { type Tools, tools, withoutManager } from "./tools.ts";
import { TpmError } from "./tpm-error.ts";

export { type PcrValues, type PolicyKey, pcrPolicy, policyKey } from "./policy.ts";
export type { Authority } from "./seal.ts";
export {
  findSignedPolicy,
  formatSignedPolicies,
  parseSignedPolicies,
  type SignedPolicy,
  signPolicy,
} from "./signed-policy.ts";
export { TpmError } from "./tpm-error.ts";

/** The device behind the kernel's resource manager, which lets processes share the TPM. */
const DEVICE = "/dev/tpmrm0";

/** A TPM gives at most a digest's length of random bytes at a time. */
const RANDOM_CHUNK_BYTES = 32;

/** A working TPM. */
export interface Tpm {
  /** Seals a key to this TPM, its present Secure Boot state, and what the authority signs. */
  seal(key: Uint8Array, to: Authority): Promise<Uint8Array>;
  /** Opens what `seal` gave; throws a {@link TpmError} that says why it cannot. */
  unseal(sealed: Uint8Array, key: PolicyKey, signed: SignedPolicy): Promise<Uint8Array>;
  /** Values of PCRs in the SHA-256 bank. */
  pcrs(numbers: readonly number[]): Promise<PcrValues>;
  /** Extends a PCR by a text, in every bank there is. */
  measure(pcr: number, text: string): Promise<void>;
  /** Random bytes from the TPM's own source. */
  random(length: number): Promise<Uint8Array>;
}

/** Where the TPM is. */
export interface TpmOptions {
  /** How tpm2-tools reach it (TCTI); default is the kernel's device. */
  readonly tcti?: string;
  /** Folder for scratch files, in memory; default /run. */
  readonly scratch?: string;
}

/** True if the kernel drives a TPM 2.0. */
export function hasTpm(): boolean {
  return existsSync(DEVICE);
}

/** Opens the machine's TPM; undefined if it has none. */
export async function openTpm(options: TpmOptions = {}): Promise<Tpm | undefined> {
  const { tcti, scratch = "/run" } = options;
  if (tcti === undefined && !hasTpm()) return undefined;
  // One at a time: sessions and objects have few places, even behind the resource manager.
  const turn = new Lock();
  const run = tcti === undefined ? tools(`device:${DEVICE}`) : withoutManager(tools(tcti));
  const inTurn = <R>(work: (folder: string) => Promise<R>) =>
    turn.hold(() => withScratch(scratch, work));
  return {
    seal: (key, to) => inTurn((folder) => seal(run, folder, key, to)),
    unseal: (sealed, key, signed) => inTurn((folder) => unseal(run, folder, sealed, key, signed)),
    pcrs: (numbers) => inTurn((folder) => readPcrs(run, folder, numbers)),
    measure: (pcr, text) => inTurn((folder) => measure(run, folder, pcr, text)),
    random: (length) => inTurn(() => random(run, length)),
  };
}

async function measure(run: Tools, folder: string, pcr: number, text: string): Promise<void> {
  await Bun.write(`${folder}/event`, text);
  // The TPM hashes the text for each of its banks itself; `pcrextend` does those that it is told.
  await run(["pcrevent", "-Q", `${pcr}`, `${folder}/event`]);
}

async function random(run: Tools, length: number): Promise<Uint8Array> {
  const result = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_CHUNK_BYTES) {
    const count = Math.min(RANDOM_CHUNK_BYTES, length - at);
    const chunk = await run(["getrandom", `${count}`]);
    if (chunk.length !== count)
      throw new TpmError("failed", "get random bytes from the TPM: too few");
    result.set(chunk, at);
  }
  return result;
}
