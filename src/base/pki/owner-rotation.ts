// How the holder of a key shows that it may become the owner's: by a signature that is of use
// in no other cluster, and after no other owner.
import { createHash, sign, verify } from "node:crypto";
import { type KeyPair, privateKeyObject, publicKeyObject } from "./keys.ts";

const PURPOSE = "metropolis owner rotation v1";

/** What the signature is bound to. */
export interface Rotation {
  /** DER of the cluster's CA. */
  readonly ca: Uint8Array;
  /** The public key that is replaced. */
  readonly present: Uint8Array;
}

function claim({ ca, present }: Rotation, next: Uint8Array): Uint8Array {
  const authority = createHash("sha256").update(ca).digest();
  return Buffer.concat([Buffer.from(PURPOSE), authority, present, next]);
}

/** Signs with the key that shall be the owner's. */
export function proveRotation(next: KeyPair, rotation: Rotation): Uint8Array {
  const message = claim(rotation, next.publicKey);
  return new Uint8Array(sign(null, message, privateKeyObject(next.seed)));
}

/** Whether a signature is that of the key that shall be the owner's; false for anything odd. */
export function provesRotation(proof: Uint8Array, next: Uint8Array, rotation: Rotation): boolean {
  return verify(null, claim(rotation, next), publicKeyObject(next), proof);
}
