// A machine that waits for a backup, as a process of its own: its memory is its own, too.
//
//   bun waiting-machine.ts <port> <folder> <owner's public key> <fingerprint of the CA>
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { receiveBackup } from "../../src/node/recovery/recovery.ts";

const [port = "0", folder = ".", owner = "", caFingerprint = ""] = process.argv.slice(2);

await receiveBackup(
  {
    file: join(folder, "snapshot.db"),
    key: generateKeyPair(),
    ownerPublicKey: Uint8Array.fromHex(owner),
    ownershipSecret: new Uint8Array(32),
    caFingerprint,
    takeIn: async () => writeFileSync(join(folder, "taken"), ""),
    log: new LogTree().logger("root"),
    signal: new AbortController().signal,
  },
  { host: "127.0.0.1", port: Number(port) },
);
