// The x509 library, and our keys in its form. `reflect-metadata` has to come before the
// library, which looks for it when it loads.
import "reflect-metadata";
import { timingSafeEqual } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import * as x509 from "@peculiar/x509";
import { type KeyPair, privateKeyDer, publicKeyDer } from "./keys.ts";

export { x509 };

/** What the library computes with. Bun's own Crypto type wants one function more than the standard's. */
export const provider = Object.assign(new Crypto(), { timingSafeEqual });

/** The algorithm of all our keys. */
export const ed25519 = { name: "Ed25519" };

/** A public key of 32 bytes, for the library. */
export async function importPublicKey(raw: Uint8Array): Promise<CryptoKey> {
  const der = Buffer.from(publicKeyDer(raw));
  return provider.subtle.importKey("spki", der, ed25519, true, ["verify"]);
}

/** A private key, for the library to sign with. */
export async function importPrivateKey(pair: KeyPair): Promise<CryptoKey> {
  const der = Buffer.from(privateKeyDer(pair));
  return provider.subtle.importKey("pkcs8", der, ed25519, false, ["sign"]);
}
