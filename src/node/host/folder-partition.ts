// A folder that stands for the data partition. It is not encrypted, but it has key slots as a
// real one has, and opens only with a key of one, so that a node depends on its cluster as on
// a machine.
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

const ofKey = (passphrase: Uint8Array) => check({ protection: "encrypted", passphrase });

/** The data partition at `target`; `keyCheck` is the file that knows its keys, one a line. */
export function folderPartition(target: string, keyCheck: string): DataPartition {
  const slots = () => (existsSync(keyCheck) ? readFileSync(keyCheck, "utf8").split("\n") : []);
  const require = (slot: string, what: string) => {
    if (!slots().includes(slot)) throw new FolderError(`${what} ${target}: no key for it`);
  };
  return {
    create: async (lock) => {
      await rm(target, { recursive: true, force: true });
      await mkdir(target, { recursive: true, mode: 0o700 });
      await writeFileAtomic(keyCheck, check(lock));
      return {};
    },
    open: async (lock) => {
      require(check(lock), "open");
      return {};
    },
    opens: async (passphrase) => slots().includes(ofKey(passphrase)),
    addKey: async (present, next) => {
      require(ofKey(present), "add a key to");
      const all = new Set([...slots(), ofKey(next)]);
      await writeFileAtomic(keyCheck, [...all].join("\n"));
    },
    keepKey: async (passphrase) => {
      require(ofKey(passphrase), "keep the key of");
      const others = slots().length - 1;
      if (others > 0) await writeFileAtomic(keyCheck, ofKey(passphrase));
      return others;
    },
    release: async () => {},
  };
}
