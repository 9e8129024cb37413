// What can go wrong with a TPM, so that callers can say what to do about it.

/** Why a TPM refused. */
export type TpmFailure =
  /** PCR 7, the Secure Boot state, is not the one at the time of sealing. */
  | "secureBoot"
  /** The signed policy is for other values of its PCRs: another image, or something was added. */
  | "image"
  /** There is no signed policy that fits, or its signature is wrong. */
  | "unsigned"
  /** Sealed by another TPM, or by this one before it was cleared. */
  | "foreign"
  /** What it was given is malformed. */
  | "blob"
  /** A PCR was extended in between: worth another try. */
  | "moved"
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

/**
 * Recognises the TPM's response codes in what tpm2-tools print.
 *
 * Codes: Trusted Platform Module Library, part 2, table 16. The high bits of some name the session
 * or parameter at fault; which check it was, the command tells.
 */
export function failureOf(command: string, stderr: string): TpmFailure {
  if (/\(0x128\)/i.test(stderr)) return "moved";
  if (/\(0x[0-9a-f]*9d\)/i.test(stderr)) return "secureBoot";
  if (/\(0x[0-9a-f]*[1-9a-f]df\)/i.test(stderr)) return "foreign";
  if (command === "policyauthorize" && /\(0x1c4\)/i.test(stderr)) return "image";
  if (command === "verifysignature" && /\(0x[0-9a-f]*db\)/i.test(stderr)) return "unsigned";
  return "failed";
}

const explanations: Readonly<Record<TpmFailure, string>> = {
  secureBoot: "the Secure Boot state has changed since it was sealed (PCR 7)",
  image: "the system that runs is not the one that was signed (PCR 9, 11 or 12)",
  unsigned: "the signature of the policy is wrong",
  foreign: "it was sealed by another TPM, or by this one before it was cleared",
  blob: "it is damaged",
  moved: "a register was extended meanwhile",
  failed: "the TPM failed",
};

/** The error for a tool that ended badly: what it was to do, and what that means. */
export function toolError(command: string, stderr: string, cause: unknown): TpmError {
  const kind = failureOf(command, stderr);
  const detail = kind === "failed" ? `: ${lastError(stderr)}` : "";
  return new TpmError(kind, `tpm2 ${command}: ${explanations[kind]}${detail}`, { cause });
}

/** The most telling of the tool's lines: the first error, without the tool's own prefix. */
function lastError(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.startsWith("ERROR"));
  return (lines[0] ?? stderr).replace(/^ERROR:\s*/, "").trim() || "no reason given";
}
