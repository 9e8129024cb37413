// Hashes of content that is streamed.
import { createHash } from "node:crypto";
import type { ByteSource } from "../base/format/byte-source.ts";

/** The SHA-256 of a source in hexadecimal; `report` gets the length of each piece. */
export async function sha256Of(
  source: ByteSource,
  report: (bytes: number) => void = () => {},
): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of source.stream()) {
    hash.update(chunk);
    report(chunk.length);
  }
  return hash.digest("hex");
}

/** The same source, which also hashes what flows through it. */
export interface HashedSource extends ByteSource {
  /** The hash of the last stream that was read to its end. */
  digest(): string;
}

/** Hashes content while someone else consumes it, so that it need not be read twice. */
export function hashed(source: ByteSource): HashedSource {
  let digest = "";
  return {
    size: source.size,
    async *stream() {
      const hash = createHash("sha256");
      for await (const chunk of source.stream()) {
        hash.update(chunk);
        yield chunk;
      }
      digest = hash.digest("hex");
    },
    digest: () => digest,
  };
}
