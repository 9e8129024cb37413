// Policies that a release is signed with: section `.pcrsig` of its kernel image, in systemd's form
// with the reference added.
//
//   {"sha256": [{"pcrs": [9, 11, 12], "pkfp": "…", "ref": "…", "pol": "…", "sig": "…"}, …]}
import { createHash, verify } from "node:crypto";
import { type PcrValues, type PolicyKey, pcrPolicy } from "./policy.ts";
import { TpmError } from "./tpm-error.ts";

/** A policy over PCRs that a key's holder has signed. */
export interface SignedPolicy {
  readonly pcrs: readonly number[];
  /** SHA-256 of the signing key's SubjectPublicKeyInfo. */
  readonly fingerprint: Uint8Array;
  readonly reference: string;
  /** The policy digest. */
  readonly policy: Uint8Array;
  /** ECDSA over SHA-256 of policy and reference, DER. */
  readonly signature: Uint8Array;
}

/** What a signature of a policy is over. */
export function signedBytes(policy: Uint8Array, reference: string): Uint8Array {
  return new Uint8Array([...policy, ...new TextEncoder().encode(reference)]);
}

/** By this a signature names its key. */
export function keyFingerprint({ key }: PolicyKey): Uint8Array {
  const der = key.export({ format: "der", type: "spki" });
  return new Uint8Array(createHash("sha256").update(der).digest());
}

/** Signs with the private half of `key`; `sign` gives a DER signature over SHA-256 of its argument. */
export function signPolicy(
  key: PolicyKey,
  values: PcrValues,
  reference: string,
  sign: (bytes: Uint8Array) => Uint8Array,
): SignedPolicy {
  const policy = pcrPolicy(values);
  return {
    pcrs: [...values.keys()].toSorted((a, b) => a - b),
    fingerprint: keyFingerprint(key),
    reference,
    policy,
    signature: sign(signedBytes(policy, reference)),
  };
}

/** The text of `.pcrsig`. */
export function formatSignedPolicies(policies: readonly SignedPolicy[]): string {
  const entries = policies.map(({ pcrs, fingerprint, reference, policy, signature }) => ({
    pcrs,
    pkfp: fingerprint.toHex(),
    ref: reference,
    pol: policy.toHex(),
    sig: signature.toBase64(),
  }));
  return JSON.stringify({ sha256: entries });
}

/** Reads `.pcrsig`; throws a {@link TpmError} of kind `unsigned` where it is none. */
export function parseSignedPolicies(text: string): readonly SignedPolicy[] {
  try {
    const root: unknown = JSON.parse(text.replace(/\0+$/, ""));
    const list = typeof root === "object" && root !== null && "sha256" in root ? root.sha256 : [];
    return Array.isArray(list) ? list.map(parseEntry) : [];
  } catch (cause) {
    throw new TpmError("unsigned", "read the signed policy: it is malformed", { cause });
  }
}

function parseEntry(value: unknown): SignedPolicy {
  const fields: Readonly<Record<string, unknown>> = Object(value);
  const text = (name: string) => String(fields[name] ?? "");
  return {
    pcrs: Array.isArray(fields.pcrs) ? fields.pcrs.map(Number) : [],
    fingerprint: Uint8Array.fromHex(text("pkfp")),
    reference: text("ref"),
    policy: Uint8Array.fromHex(text("pol")),
    signature: Uint8Array.fromBase64(text("sig")),
  };
}

/** The policy that this key signed under this reference; undefined where there is none. */
export function findSignedPolicy(
  policies: readonly SignedPolicy[],
  key: PolicyKey,
  reference: string,
): SignedPolicy | undefined {
  const own = Buffer.from(keyFingerprint(key));
  return policies.find(
    (each) =>
      each.reference === reference &&
      own.equals(each.fingerprint) &&
      verify("sha256", signedBytes(each.policy, reference), key.key, each.signature),
  );
}
