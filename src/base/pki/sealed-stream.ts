// A stream of any length for the holder of an X25519 private key: a sealed box with a
// random key, then frames of AES-256-GCM under it. Frames are numbered and the last one
// is marked, so that none can be left out, moved or cut off.
//
//   "MBK1" ‖ length of box (2) ‖ box ‖ { length (4) ‖ ciphertext ‖ tag (16) } …
import { createCipheriv, createDecipheriv } from "node:crypto";
import { type BoxKeyPair, decryptWith, encryptTo, SealedBoxError } from "./sealed-box.ts";

const MAGIC = Buffer.from("MBK1");
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const BOX_LENGTH_BYTES = 2;
const FRAME_LENGTH_BYTES = 4;

/** Longest ciphertext of a frame: nobody shall make us wait for more. */
const MAX_FRAME_BYTES = 4 << 20;
const PLAIN_FRAME_BYTES = 64 << 10;

/** Encrypts a stream. */
export async function* sealStream(
  publicKey: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const box = encryptTo(publicKey, key);
  const length = Buffer.alloc(BOX_LENGTH_BYTES);
  length.writeUInt16BE(box.length);
  yield new Uint8Array(Buffer.concat([MAGIC, length, box]));
  let number = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += PLAIN_FRAME_BYTES) {
      yield frame(key, number++, false, chunk.subarray(at, at + PLAIN_FRAME_BYTES));
    }
  }
  yield frame(key, number, true, new Uint8Array());
}

/** The last frame is empty, and its nonce says that it is the last. */
function nonce(number: number, isLast: boolean): Uint8Array {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUInt8(isLast ? 1 : 0, 0);
  bytes.writeUIntBE(number, NONCE_BYTES - 6, 6);
  return bytes;
}

function frame(key: Uint8Array, number: number, isLast: boolean, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce(number, isLast));
  const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(FRAME_LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  return new Uint8Array(Buffer.concat([length, body]));
}

/**
 * Decrypts a stream. Throws a {@link SealedBoxError} for another key, for damage, and when
 * the end is missing: what was given until then must not be used before the stream has ended.
 */
export async function* openStream(
  pair: BoxKeyPair,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = new Reader(source);
  if (!(await reader.take(MAGIC.length)).equals(MAGIC)) throw new SealedBoxError("not a backup");
  const boxBytes = (await reader.take(BOX_LENGTH_BYTES)).readUInt16BE();
  const key = decryptWith(pair, await reader.take(boxBytes));
  for (let number = 0; ; number++) {
    const length = (await reader.take(FRAME_LENGTH_BYTES)).readUInt32BE();
    if (length < TAG_BYTES || length > MAX_FRAME_BYTES) throw damaged(number);
    const isLast = length === TAG_BYTES;
    const plain = openFrame(key, number, isLast, await reader.take(length));
    if (isLast) break;
    yield plain;
  }
  await reader.end();
}

function openFrame(key: Uint8Array, number: number, isLast: boolean, body: Buffer): Uint8Array {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce(number, isLast));
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    const plain = decipher.update(body.subarray(0, body.length - TAG_BYTES));
    return new Uint8Array(Buffer.concat([plain, decipher.final()]));
  } catch (cause) {
    throw damaged(number, cause);
  }
}

function damaged(number: number, cause?: unknown): SealedBoxError {
  return new SealedBoxError(`damaged at part ${number}`, { cause });
}

/** Takes exact numbers of bytes from chunks of any size. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length < count) {
      const next = await this.#source.next();
      if (next.done) throw new SealedBoxError("the end is missing");
      parts.push(Buffer.from(next.value));
      length += next.value.length;
    }
    const all = Buffer.concat(parts);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }

  async end(): Promise<void> {
    const isOver = this.#rest.length === 0 && (await this.#source.next()).done === true;
    if (!isOver) throw new SealedBoxError("something follows the end");
  }
}
