// What a TPM computes of policies, computed here: sealing needs no session with it, and a release
// is signed where there is no TPM.
//
//   PolicyAuthorize(key, reference)   "whatever the holder of this key signs under this reference"
//   PolicyPCR(7)                      "and this Secure Boot state"
//
// What the holder signs is a policy again: PolicyPCR of the registers that tell one image from
// another. So a new release opens what an older one sealed, and nothing is sealed anew.
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { TpmError } from "./tpm-error.ts";

/** Values of PCRs in the SHA-256 bank, by number. */
export type PcrValues = ReadonlyMap<number, Uint8Array>;

// Trusted Platform Module Library, part 2: TPM_CC, TPM_ALG, TPM_ECC_CURVE, TPMA_OBJECT.
const POLICY_PCR = "0000017f";
const POLICY_AUTHORIZE = "0000016a";
const SHA256 = "000b";
const ECC = "0023";
const NULL = "0010";
const NIST_P256 = "0003";
/** Signs, and for loading by anyone; attributes are part of the key's name. */
const SIGN_WITH_AUTH = "00040040";
const COORDINATE_BYTES = 32;

/** Registers in a selection: three bytes of bits. */
const SELECTION_BYTES = 3;

/** A policy that nothing was demanded of yet. */
const EMPTY = new Uint8Array(32);

/** A public key in the form of the TPM. */
export interface PolicyKey {
  /** TPM2B_PUBLIC: what the TPM loads. */
  readonly publicArea: Uint8Array;
  /** By this the TPM knows the key, and a policy names it. */
  readonly name: Uint8Array;
  /** The same key for checks of our own. */
  readonly key: KeyObject;
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

const hex = (text: string) => Uint8Array.fromHex(text);

/** Two bytes of length, then the bytes. */
function sized(bytes: Uint8Array): Uint8Array {
  return new Uint8Array([bytes.length >> 8, bytes.length & 0xff, ...bytes]);
}

/**
 * The form that the TPM gives a P-256 key. Built here, not by tpm2-tools, because their defaults
 * would be part of the key's name.
 */
export function policyKey(pem: string): PolicyKey {
  const key = createPublicKey(pem);
  const { crv, x = "", y = "" } = key.export({ format: "jwk" });
  if (crv !== "P-256") throw new TpmError("blob", "read a policy key: it is not on curve P-256");
  const coordinates = [x, y].map((text) => {
    const bytes = Uint8Array.from(Buffer.from(text, "base64url"));
    if (bytes.length === COORDINATE_BYTES) return sized(bytes);
    throw new TpmError("blob", "read a policy key: a coordinate has the wrong length");
  });
  const head = hex([ECC, SHA256, SIGN_WITH_AUTH, "0000", NULL, NULL, NIST_P256, NULL].join(""));
  const area = new Uint8Array(Buffer.concat([head, ...coordinates]));
  const name = new Uint8Array([...hex(SHA256), ...sha256(area)]);
  return { publicArea: sized(area), name, key };
}

/** Demands, after what `before` demands, that PCRs have these values. */
export function pcrPolicy(values: PcrValues, before: Uint8Array = EMPTY): Uint8Array {
  const numbers = [...values.keys()].toSorted((a, b) => a - b);
  const bitmap = new Uint8Array(SELECTION_BYTES);
  for (const number of numbers) {
    const at = number >> 3;
    bitmap[at] = (bitmap[at] ?? 0) | (1 << (number & 7));
  }
  const selection = hex(`00000001${SHA256}03`);
  const digest = sha256(...numbers.map((number) => values.get(number) ?? EMPTY));
  return sha256(before, hex(POLICY_PCR), selection, bitmap, digest);
}

/** Demands a policy that the key's holder has signed under this reference. */
export function authorizePolicy({ name }: PolicyKey, reference: string): Uint8Array {
  const text = new TextEncoder().encode(reference);
  return sha256(sha256(EMPTY, hex(POLICY_AUTHORIZE), name), text);
}
