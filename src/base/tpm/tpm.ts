// The machine's TPM, through tpm2-tools: sealing to the Secure Boot state, and random numbers.
//
//   payload ──AES-256-GCM──▶ sealed payload ┐
//              ▲                            ├─▶ blob, which may lie anywhere
//   random key ┴──TPM, PCR 7 policy──▶ key ─┘
//
// Only the key goes through the TPM, so payloads may have any size. Secrets travel by stdin and
// stdout; what lies in the scratch folder meanwhile is encrypted by the TPM.
import { existsSync } from "node:fs";
import { Lock } from "../event/event.ts";
import { decodeBlob, encodeBlob, KEY_BYTES, openPayload, sealPayload } from "./blob.ts";
import { withScratch } from "./scratch.ts";
import { type Tools, tools, withoutManager } from "./tools.ts";
import { TpmError } from "./tpm-error.ts";

export { TpmError, type TpmFailure } from "./tpm-error.ts";

/** The device behind the kernel's resource manager, which lets processes share the TPM. */
const DEVICE = "/dev/tpmrm0";

/** PCR 7 holds the Secure Boot state: whether it is on, and all keys and what they signed. */
const PCRS = "sha256:7";

/** A TPM gives at most a digest's length of random bytes at a time. */
const RANDOM_CHUNK_BYTES = 32;

/**
 * Parent of what we seal. It is derived from the owner seed by this template alone, so the same
 * TPM makes the same parent each time, and another TPM or a cleared one makes another.
 */
const PRIMARY = ["createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256"].concat(
  // As the TCG's storage root key (TPM v2.0 Provisioning Guidance, 7.5.1). The tools' default has
  // no `noda`: then every power cut counts as a guess, and a few of them lock the TPM for hours.
  ["-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"],
);

/** Opened by policy only (no password), bound to this TPM, and free of dictionary lockout. */
const ATTRIBUTES = "fixedtpm|fixedparent|adminwithpolicy|noda";

/** A working TPM. */
export interface Tpm {
  /** Seals bytes to this TPM and its present Secure Boot state. */
  seal(bytes: Uint8Array): Promise<Uint8Array>;
  /** Opens what `seal` gave; throws a {@link TpmError} that says why it cannot. */
  unseal(blob: Uint8Array): Promise<Uint8Array>;
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
    seal: (bytes) => inTurn((folder) => seal(run, folder, bytes)),
    unseal: (blob) => inTurn((folder) => unseal(run, folder, blob)),
    random: (length) => inTurn(() => random(run, length)),
  };
}

async function seal(run: Tools, folder: string, payload: Uint8Array): Promise<Uint8Array> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const file = (name: string) => `${folder}/${name}`;
  await run([...PRIMARY, "-c", file("primary")]);
  await run(["createpolicy", "-Q", "--policy-pcr", "-l", PCRS, "-L", file("policy")]);
  await run(
    ["create", "-Q", "-C", file("primary"), "-g", "sha256", "-L", file("policy")].concat([
      "-a",
      ATTRIBUTES,
      "-u",
      file("public"),
      "-r",
      file("private"),
      "-i",
      "-",
    ]),
    key,
  );
  const [publicPart, privatePart] = await Promise.all(
    ["public", "private"].map((name) => Bun.file(file(name)).bytes()),
  );
  if (publicPart === undefined || privatePart === undefined) {
    throw new TpmError("failed", "seal with the TPM: it gave no sealed key");
  }
  return encodeBlob({ publicPart, privatePart, ...(await sealPayload(key, payload)) });
}

async function unseal(run: Tools, folder: string, bytes: Uint8Array): Promise<Uint8Array> {
  const blob = decodeBlob(bytes);
  const file = (name: string) => `${folder}/${name}`;
  await Bun.write(file("public"), blob.publicPart);
  await Bun.write(file("private"), blob.privatePart);
  await run([...PRIMARY, "-c", file("primary")]);
  await run(
    ["load", "-Q", "-C", file("primary"), "-u", file("public"), "-r", file("private")].concat([
      "-c",
      file("sealed"),
    ]),
  );
  // The session is salted by the primary key, and so the answer is encrypted on the bus.
  const session = ["-S", file("session")];
  await run(["startauthsession", "--policy-session", "-c", file("primary"), ...session]);
  try {
    await run(["policypcr", "-Q", "-l", PCRS, ...session]);
    const key = await run([
      "unseal",
      "-Q",
      "-c",
      file("sealed"),
      "-p",
      `session:${file("session")}`,
    ]);
    return await openPayload(key, blob);
  } finally {
    await run(["flushcontext", file("session")]);
  }
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
