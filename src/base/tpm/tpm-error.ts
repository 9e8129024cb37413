// What can go wrong with a TPM, so that callers can say what to do about it.

/** Why a TPM refused. */
export type TpmFailure =
  /** The Secure Boot state is not the one at the time of sealing. */
  | "policy"
  /** Sealed by another TPM, or by this one before it was cleared. */
  | "foreign"
  /** The blob is damaged. */
  | "blob"
  /** Anything else: broken, busy, locked. The message has the reason. */
  | "failed";

/** A TPM, or something sealed by one, that does not do what was asked. */
export class TpmError extends Error {
  override readonly name = "TpmError";

  constructor(
    readonly kind: TpmFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Recognises the TPM's response codes in what tpm2-tools print. */
export function failureOf(stderr: string): TpmFailure {
  // Codes: Trusted Platform Module Library, part 2, table 16. The high bits of POLICY_FAIL and
  // INTEGRITY name the session or parameter at fault.
  if (/0x[0-9a-f]*9d\b/i.test(stderr) || stderr.includes("policy check failed")) return "policy";
  if (/0x[0-9a-f]*[1-9a-f]df\b/i.test(stderr) || stderr.includes("integrity check"))
    return "foreign";
  return "failed";
}

const explanations: Readonly<Record<TpmFailure, string>> = {
  policy: "the Secure Boot state has changed since it was sealed",
  foreign: "it was sealed by another TPM",
  blob: "it is damaged",
  failed: "the TPM failed",
};

/** The error for a tool that ended badly: what it was to do, and what that means. */
export function toolError(command: string, stderr: string, cause: unknown): TpmError {
  const kind = failureOf(stderr);
  const detail = kind === "failed" ? `: ${lastError(stderr)}` : "";
  return new TpmError(kind, `tpm2 ${command}: ${explanations[kind]}${detail}`, { cause });
}

/** The most telling of the tool's lines: the first error, without the tool's own prefix. */
function lastError(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.startsWith("ERROR"));
  return (lines[0] ?? stderr).replace(/^ERROR:\s*/, "").trim() || "no reason given";
}
