// A file that arrives in pieces over a connection.
import { type FileHandle, open, rm } from "node:fs/promises";
import { UserError } from "../output/user-error.ts";

/**
 * Writes all pieces to a new file, in the place of an old one, and syncs it; gives how many bytes.
 *
 * Throws a {@link UserError} that calls the file `name` where it cannot be written, and what the
 * pieces throw.
 */
export async function saveStream(
  path: string,
  name: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<number> {
  const named = <R>(work: Promise<R>) =>
    work.catch((cause: unknown): never => {
      throw new UserError(`write ${name}`, { cause });
    });
  // Exclusive, so that neither a link nor a file is written to that somebody else has planted.
  await named(rm(path, { force: true }));
  const file = await named(open(path, "wx", 0o600));
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      await named(writeFully(file, piece));
      bytes += piece.length;
    }
    await named(file.sync());
  } finally {
    await file.close();
  }
  return bytes;
}

/** A disk that fills up takes a part of a piece first, and says nothing. */
async function writeFully(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    const { bytesWritten } = await file.write(piece, at);
    at += bytesWritten;
  }
}
