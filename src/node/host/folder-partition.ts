// A folder that stands for the data partition. It is not encrypted, but it opens only
// with the key it was made with, so that a node depends on its cluster as on a machine.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { DataLock, DataPartition } from "../storage/data.ts";

/** The folder was made with another key, or not at all. */
export class FolderError extends Error {
  override readonly name = "FolderError";
}

/** Tells keys apart and does not give them away. */
function check({ protection, passphrase }: DataLock): string {
  if (protection === "insecure") return "insecure";
  return createHash("sha256").update("data folder").update(passphrase).digest("hex");
}

/** The data partition at `target`; `keyCheck` is the file that knows its key. */
export function folderPartition(target: string, keyCheck: string): DataPartition {
  return {
    create: async (lock) => {
      await rm(target, { recursive: true, force: true });
      await mkdir(target, { recursive: true, mode: 0o700 });
      await writeFileAtomic(keyCheck, check(lock));
      return {};
    },
    open: async (lock) => {
      const made = existsSync(keyCheck) ? readFileSync(keyCheck, "utf8") : "";
      if (made !== check(lock)) throw new FolderError(`open ${target}: no key for it`);
      return {};
    },
    release: async () => {},
  };
}
