// Encryption to the holder of an X25519 key in the format of age (age-encryption.org/v1),
// so that an operator opens what is his with the program of that name. The library is
// loaded when it is needed first: most programs never encrypt to anybody.
import { bech32 } from "@scure/base";

/** What is encrypted and cannot be opened: damaged, or meant for another key or purpose. */
export class SealedBoxError extends Error {
  override readonly name = "SealedBoxError";
}

const RECIPIENT = "age";
const IDENTITY = "AGE-SECRET-KEY-";
const KEY_BYTES = 32;

/** The library keeps the whole header, which ends where a stranger's file says: nobody shall make us keep more. */
const MAX_HEADER_BYTES = 1 << 20;

/** A public key as age writes it: `age1…`. */
export function ageRecipient(publicKey: Uint8Array): string {
  return bech32.encodeFromBytes(RECIPIENT, keyBytes(publicKey));
}

/** A private key as age writes it: `AGE-SECRET-KEY-1…`. Secret. */
export function ageIdentity(privateKey: Uint8Array): string {
  return bech32.encodeFromBytes(IDENTITY, keyBytes(privateKey)).toUpperCase();
}

/**
 * The private key in the text of an identity file: one line with it, and lines that
 * begin with `#`.
 *
 * Throws a {@link SealedBoxError} for any other text, without repeating it.
 */
export function readAgeIdentity(text: string): Uint8Array {
  const lines = text.split("\n").map((line) => line.trim());
  const [identity = "", ...more] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (more.length > 0) throw new SealedBoxError("more than one identity");
  const found = bech32.decodeUnsafe(identity);
  // No cause, and no part of the text: it may be most of a key.
  if (found?.prefix.toUpperCase() !== IDENTITY) throw new SealedBoxError("no identity of age");
  const bytes = bech32.fromWordsUnsafe(found.words);
  if (bytes?.length !== KEY_BYTES) throw new SealedBoxError("identity of another length");
  return bytes;
}

/** Encrypts a stream of any length. */
export async function* encryptStream(
  publicKey: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.addRecipient(ageRecipient(publicKey));
  const encrypted = await encrypter.encrypt(streamOf(source));
  for await (const part of encrypted) yield part;
}

/**
 * Decrypts a stream. Throws a {@link SealedBoxError} for another key, for damage, and when
 * the end is missing: what was given until then must not be used before the stream has ended.
 */
export async function* decryptStream(
  privateKey: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  decrypter.addIdentity(ageIdentity(privateKey));
  let isOpen = false;
  const encrypted = streamOf(withShortHeader(source, () => isOpen));
  const plain = await decrypter.decrypt(encrypted).catch((cause: unknown) => {
    throw new SealedBoxError("not in the format of age, or encrypted to another key", { cause });
  });
  isOpen = true;
  try {
    for await (const part of plain) yield part;
  } catch (cause) {
    throw new SealedBoxError("damaged, or cut off", { cause });
  }
}

async function* withShortHeader(
  source: AsyncIterable<Uint8Array>,
  isOpen: () => boolean,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of source) {
    if (!isOpen()) bytes += part.length;
    if (bytes > MAX_HEADER_BYTES) throw new SealedBoxError("the header does not end");
    yield part;
  }
}

/** A stream that takes of its source as it is read, and closes it when it is given up. */
function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await reader.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => {
      await reader.return?.();
    },
  });
}

function keyBytes(key: Uint8Array): Uint8Array {
  if (key.length === KEY_BYTES) return key;
  throw new SealedBoxError(`key has ${key.length} bytes, want ${KEY_BYTES}`);
}
