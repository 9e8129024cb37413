// Sealing to a signed policy and the Secure Boot state, by tpm2-tools.
//
// Sealing computes the policy and needs the TPM for the object alone; unsealing proves it step by
// step in a session: first what the signed policy wants, then that it is signed, then PCR 7.
import { authorizePolicy, type PcrValues, type PolicyKey, pcrPolicy } from "./policy.ts";
import { type SignedPolicy, signedBytes } from "./signed-policy.ts";
import type { Tools } from "./tools.ts";
import { TpmError } from "./tpm-error.ts";

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

/** PCR 7 holds the Secure Boot state: whether it is on, and all keys and what they signed. */
const SECURE_BOOT = 7;

const PCR_BYTES = 32;

/** How often to begin anew when something extends a PCR between a policy and its use. */
const ATTEMPTS = 5;

/** Whoever may say by signatures which boots open a secret. */
export interface Authority {
  readonly key: PolicyKey;
  /** Part of what is signed: a signature for another reference does not do. */
  readonly reference: string;
}

/** Reads PCRs of the SHA-256 bank. */
export async function readPcrs(
  run: Tools,
  folder: string,
  numbers: readonly number[],
): Promise<PcrValues> {
  const file = `${folder}/pcrs`;
  const sorted = numbers.toSorted((a, b) => a - b);
  await run(["pcrread", "-Q", `sha256:${sorted.join(",")}`, "-o", file]);
  const bytes = await Bun.file(file).bytes();
  if (bytes.length !== sorted.length * PCR_BYTES) {
    throw new TpmError("failed", "read PCRs: the TPM has no SHA-256 bank, switch it on");
  }
  const value = (index: number) => bytes.slice(index * PCR_BYTES, (index + 1) * PCR_BYTES);
  return new Map(sorted.map((number, index) => [number, value(index)]));
}

/** Seals a secret of at most 128 bytes: TPM2B_PUBLIC and TPM2B_PRIVATE, one behind the other. */
export async function seal(
  run: Tools,
  folder: string,
  secret: Uint8Array,
  { key, reference }: Authority,
): Promise<Uint8Array> {
  const file = (name: string) => `${folder}/${name}`;
  const present = await readPcrs(run, folder, [SECURE_BOOT]);
  await Bun.write(file("policy"), pcrPolicy(present, authorizePolicy(key, reference)));
  await run([...PRIMARY, "-c", file("primary")]);
  const sealing = ["create", "-Q", "-C", file("primary"), "-g", "sha256", "-L", file("policy")];
  const parts = ["-a", ATTRIBUTES, "-u", file("public"), "-r", file("private"), "-i", "-"];
  // Without a session the secret would cross the TPM's bus in the clear.
  await inSession(run, file, "--hmac-session", (session) =>
    run([...sealing, "-P", `session:${session}`, ...parts], secret),
  );
  const made = await Promise.all(["public", "private"].map((name) => Bun.file(file(name)).bytes()));
  return new Uint8Array(Buffer.concat(made));
}

/** Opens what {@link seal} gave, in a boot that fits the signed policy. */
export async function unseal(
  run: Tools,
  folder: string,
  sealed: Uint8Array,
  key: PolicyKey,
  signed: SignedPolicy,
): Promise<Uint8Array> {
  const file = (name: string) => `${folder}/${name}`;
  await writeParts(file, sealed, key, signed);
  // Side by side: each program takes its time to start, above all in the first second of a boot.
  // Both to their end, also where one fails: they work in a folder that goes away after that.
  const done = await Promise.allSettled([loadSealed(run, file), verifyPolicy(run, file)]);
  for (const each of done) if (each.status === "rejected") throw each.reason;
  for (let attempt = 1; ; attempt++) {
    try {
      // Salted by the primary key, so the answer is encrypted on the bus.
      return await inSession(run, file, "--policy-session", (session) =>
        prove(run, file, session, signed),
      );
    } catch (error) {
      const hasMoved = error instanceof TpmError && error.kind === "moved";
      if (!hasMoved || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The path of a scratch file. */
type FilePath = (name: string) => string;

async function loadSealed(run: Tools, file: FilePath): Promise<void> {
  await run([...PRIMARY, "-c", file("primary")]);
  const parts = ["-u", file("public"), "-r", file("private"), "-c", file("sealed")];
  await run(["load", "-Q", "-C", file("primary"), ...parts]);
}

/** Has the TPM check the signature, for which it gives a ticket. */
async function verifyPolicy(run: Tools, file: FilePath): Promise<void> {
  // In the owner's hierarchy: in the null one a verified signature gives no ticket.
  await run(["loadexternal", "-Q", "-C", "o", "-u", file("key"), "-c", file("key.ctx")]);
  const message = ["-g", "sha256", "-m", file("message"), "-s", file("signature"), "-f", "ecdsa"];
  await run(["verifysignature", "-Q", "-c", file("key.ctx"), ...message, "-t", file("ticket")]);
}

async function writeParts(
  file: FilePath,
  sealed: Uint8Array,
  key: PolicyKey,
  { policy, reference, signature }: SignedPolicy,
): Promise<void> {
  const [publicPart, privatePart] = splitSealed(sealed);
  const files = {
    public: publicPart,
    private: privatePart,
    key: key.publicArea,
    "key.name": key.name,
    approved: policy,
    reference: new TextEncoder().encode(reference),
    message: signedBytes(policy, reference),
    signature,
  };
  for (const [name, bytes] of Object.entries(files)) await Bun.write(file(name), bytes);
}

/** Both parts begin with their length. */
function splitSealed(sealed: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const at = (offset: number) => 2 + ((sealed[offset] ?? 0) << 8) + (sealed[offset + 1] ?? 0);
  const end = at(0);
  if (end >= sealed.length || end + at(end) !== sealed.length) {
    throw new TpmError("blob", "read a sealed key: it is damaged");
  }
  return [sealed.subarray(0, end), sealed.subarray(end)];
}

async function prove(
  run: Tools,
  file: FilePath,
  session: string,
  { pcrs }: SignedPolicy,
): Promise<Uint8Array> {
  const policy = ["-Q", "-S", session];
  await run(["policypcr", ...policy, "-l", `sha256:${pcrs.join(",")}`]);
  const approved = ["-i", file("approved"), "-n", file("key.name"), "-q", file("reference")];
  await run(["policyauthorize", ...policy, ...approved, "-t", file("ticket")]);
  await run(["policypcr", ...policy, "-l", `sha256:${SECURE_BOOT}`]);
  return run(["unseal", "-Q", "-c", file("sealed"), "-p", `session:${session}`]);
}

/** A salted session for the time of `work`. */
async function inSession<R>(
  run: Tools,
  file: FilePath,
  kind: "--hmac-session" | "--policy-session",
  work: (session: string) => Promise<R>,
): Promise<R> {
  const session = file("session");
  await run(["startauthsession", "-Q", kind, "-c", file("primary"), "-S", session]);
  try {
    return await work(session);
  } finally {
    await run(["flushcontext", session]);
  }
}
