// A folder that stands for the data partition, where nodes are plain processes.
import { mkdirSync, rmSync } from "node:fs";
import type { DataPartition } from "./data.ts";
import { KeyError } from "./keys.ts";

/** A data partition that remembers its passphrase, as a real one does, and mounts nothing. */
export function folderPartition(target: string): DataPartition {
  let passphrase: string | undefined;
  return {
    create: async (lock) => {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target, { recursive: true });
      passphrase = lock.passphrase.toHex();
      return {};
    },
    open: async (lock) => {
      if (lock.passphrase.toHex() !== passphrase) throw new KeyError("open partition: wrong key");
      return {};
    },
    release: async () => {},
  };
}
