// Tells which key is meant, to somebody who may know it already, without giving it away.
import { hkdf } from "./hkdf.ts";

/** The check of a random key of 32 bytes; a part of the API between nodes and cluster. */
export function keyCheck(key: Uint8Array): Uint8Array {
  return hkdf(key, { info: "metropolis unlock key check v1", bytes: 32 });
}
