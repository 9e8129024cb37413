// A small secret for the holder of an X25519 key, in the format of age. Inside, before the
// secret, stands what it is and whose: a box that was moved to another node, or is shown in
// place of one of another purpose, does not count. Who closed it, a box does not tell.
//
//   age( "metropolis box: <purpose> of <node ID>\n" ‖ secret )
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { decryptStream, encryptStream, SealedBoxError } from "./age.ts";

export { SealedBoxError } from "./age.ts";

/** An X25519 key pair, raw. */
export interface BoxKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** What is in a box, and whose it is. */
export interface BoxContent {
  readonly purpose: "cluster unlock key" | "operator's view" | "recovery share";
  readonly nodeId: string;
}

const KEY_BYTES = 32;
const SPKI_HEAD_BYTES = 12;
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");

/** Our secrets are a few keys: nobody shall make us decrypt more. */
const MAX_BOX_BYTES = 4 << 10;

/** A new key pair for receiving boxes. */
export function generateBoxKeyPair(): BoxKeyPair {
  const { privateKey } = generateKeyPairSync("x25519");
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  return boxKeyPair(new Uint8Array(der.subarray(PKCS8_HEAD.length)));
}

/**
 * The key pair of a raw private key that was stored.
 *
 * Throws a {@link SealedBoxError} when it is not 32 bytes.
 */
export function boxKeyPair(privateKey: Uint8Array): BoxKeyPair {
  if (privateKey.length !== KEY_BYTES) {
    throw new SealedBoxError(`private key has ${privateKey.length} bytes, want ${KEY_BYTES}`);
  }
  const key = Buffer.concat([PKCS8_HEAD, privateKey]);
  const object = createPublicKey(createPrivateKey({ key, type: "pkcs8", format: "der" }));
  const der = object.export({ type: "spki", format: "der" });
  return { privateKey, publicKey: new Uint8Array(der.subarray(SPKI_HEAD_BYTES)) };
}

/** Encrypts a secret so that only the holder of the private key can read it. */
export async function encryptTo(
  publicKey: Uint8Array,
  content: BoxContent,
  secret: Uint8Array,
): Promise<Uint8Array> {
  return collect(encryptStream(publicKey, parts(head(content), secret)));
}

/** Opens a box; throws a {@link SealedBoxError} if it is not for this key, not of this content or damaged. */
export async function decryptWith(
  { privateKey }: Pick<BoxKeyPair, "privateKey">,
  content: BoxContent,
  box: Uint8Array,
): Promise<Uint8Array> {
  if (box.length > MAX_BOX_BYTES) throw new SealedBoxError(`box of ${box.length} bytes`);
  const plain = await collect(decryptStream(privateKey, parts(box)));
  const expected = head(content);
  if (Buffer.compare(plain.subarray(0, expected.length), expected) !== 0) {
    throw new SealedBoxError(`box does not hold the ${content.purpose} of ${content.nodeId}`);
  }
  return plain.slice(expected.length);
}

function head({ purpose, nodeId }: BoxContent): Uint8Array {
  return new TextEncoder().encode(`metropolis box: ${purpose} of ${nodeId}\n`);
}

async function* parts(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(source)));
}
