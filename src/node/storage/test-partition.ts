// A folder that stands for the data partition, where nodes are plain processes.
import { mkdirSync, rmSync } from "node:fs";
import type { DataPartition } from "./data.ts";
import { KeyError } from "./keys.ts";

/** A data partition that remembers its passphrases, as a real one does, and mounts nothing. */
export function folderPartition(target: string): DataPartition {
  const slots = new Set<string>();
  const require = (passphrase: Uint8Array) => {
    if (!slots.has(passphrase.toHex())) throw new KeyError("open partition: wrong key");
  };
  return {
    create: async (lock) => {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target, { recursive: true });
      slots.clear();
      slots.add(lock.passphrase.toHex());
      return {};
    },
    open: async (lock) => {
      require(lock.passphrase);
      return {};
    },
    opens: async (passphrase) => slots.has(passphrase.toHex()),
    addKey: async (present, next) => {
      require(present);
      slots.add(next.toHex());
    },
    keepKey: async (passphrase) => {
      require(passphrase);
      const others = slots.size - 1;
      slots.clear();
      slots.add(passphrase.toHex());
      return others;
    },
    release: async () => {},
  };
}
