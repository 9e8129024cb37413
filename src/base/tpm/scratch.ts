// A folder for the files that tpm2-tools insist on.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** Makes a folder that only we can enter, for the time of `work`. */
export async function withScratch<R>(
  parent: string,
  work: (folder: string) => Promise<R>,
): Promise<R> {
  const folder = await mkdtemp(join(parent, "tpm-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
