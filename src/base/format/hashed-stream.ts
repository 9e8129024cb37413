// The hash of what passes by, for what is too large to be held.

/** Gives the parts of a source as they are, and hashes them. */
export async function* hashedStream(
  source: AsyncIterable<Uint8Array>,
  hash: Bun.CryptoHasher,
): AsyncGenerator<Uint8Array> {
  for await (const part of source) {
    hash.update(part);
    yield part;
  }
}
