// The private keys that a running node has in its memory, as whoever could read
// that memory would find them: by the few bytes in front of every key in a file's
// form, and by the public half that follows each Ed25519 key while it is in use.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { windows } from "./disk-image.ts";

/** PKCS #8 (RFC 8410): everything before the 32 bytes of the key itself. */
const prefixes: readonly Uint8Array[] = [
  Uint8Array.fromHex("302e020100300506032b657004220420"), // Ed25519
  Uint8Array.fromHex("302e020100300506032b656e04220420"), // X25519
];
const SEED_BYTES = 32;

/** The same in PEM: base64 of prefix and seed, 64 characters. */
const PEM_KEY = /MC4CAQAwBQYDK2V[wu]BCIEI[A-Za-z0-9+/]{43}/g;

/** A private key found in memory. */
export interface FoundKey {
  readonly seed: Uint8Array;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** All private keys in a file with a machine's memory, each once; `known` are public keys. */
export function keysInMemory(file: string, known: readonly Uint8Array[]): readonly FoundKey[] {
  const found = new Map<string, FoundKey>();
  for (const { bytes } of windows(file, 128)) {
    for (const der of [...binaryKeys(bytes), ...pemKeys(bytes), ...keysInUse(bytes, known)]) {
      found.set(der.toHex(), { seed: der.subarray(-SEED_BYTES), publicKey: publicKeyOf(der) });
    }
  }
  return [...found.values()];
}

/** Libraries keep seed and public key side by side: what stands before a public key is tried. */
function* keysInUse(bytes: Buffer, known: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const publicKey of known) {
    let place = bytes.indexOf(publicKey, SEED_BYTES);
    while (place >= 0) {
      const seed = bytes.subarray(place - SEED_BYTES, place);
      const der = new Uint8Array([...(prefixes[0] ?? []), ...seed]);
      if (Buffer.compare(publicKeyOf(der), publicKey) === 0) yield der;
      place = bytes.indexOf(publicKey, place + 1);
    }
  }
}

function* binaryKeys(bytes: Buffer): Generator<Uint8Array> {
  for (const prefix of prefixes) {
    let place = bytes.indexOf(prefix);
    while (place >= 0) {
      const der = bytes.subarray(place, place + prefix.length + SEED_BYTES);
      // Copied, because the window it lies in is large; cut off at its end, it comes again whole.
      if (der.length === prefix.length + SEED_BYTES) yield new Uint8Array(der);
      place = bytes.indexOf(prefix, place + 1);
    }
  }
}

function* pemKeys(bytes: Buffer): Generator<Uint8Array> {
  let place = bytes.indexOf("MC4CAQAwBQYDK2V");
  while (place >= 0) {
    const text = bytes.toString("latin1", place, place + 64);
    for (const [key] of text.matchAll(PEM_KEY)) yield new Uint8Array(Buffer.from(key, "base64"));
    place = bytes.indexOf("MC4CAQAwBQYDK2V", place + 1);
  }
}

function publicKeyOf(der: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(-SEED_BYTES));
}

/** The ways in which a secret may lie somewhere: as it is, in hexadecimal, in base64. */
export function spellings(secret: Uint8Array): readonly Uint8Array[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  // Where base64 begins within a longer text decides how its characters fall: three ways.
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [bytes, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))];
}
