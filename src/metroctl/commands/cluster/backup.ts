// `metroctl cluster backup <file>`: everything that the cluster keeps in consensus,
// encrypted to the operator's recovery key.
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { defineCommand } from "citty";
import { decryptStream } from "../../../base/pki/age.ts";
import { answer } from "../../output/message.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { chosenContext } from "../../session/context.ts";
import { loadRecoveryKey } from "../../session/recovery-key.ts";

/** A large state takes its time. */
const BACKUP_MS = 10 * 60_000;

export default defineCommand({
  meta: { name: "backup", description: "Save the cluster's state, encrypted, to a file" },
  args: {
    ...clusterArgs,
    file: { type: "positional", required: true, description: "File to write" },
  },
  async run({ args }) {
    const { file } = args;
    using cluster = await openCluster(args);
    const partial = `${file}.part`;
    try {
      const bytes = await save(partial, cluster.management.backup({}, { timeoutMs: BACKUP_MS }));
      const pair = loadRecoveryKey(chosenContext(args));
      // Where the key is at hand: a backup that does not open is none.
      if (pair !== undefined)
        for await (const _ of decryptStream(pair.privateKey, createReadStream(partial)));
      await rename(partial, file);
      const checked = pair === undefined ? "not checked: the recovery key is not here" : "checked";
      answer(`Saved ${bytes} bytes to ${file}, ${checked}`);
    } finally {
      await rm(partial, { force: true });
    }
  },
});

async function save(
  path: string,
  parts: AsyncIterable<{ readonly data: Uint8Array }>,
): Promise<number> {
  const file = await open(path, "w", 0o600);
  let bytes = 0;
  try {
    for await (const { data } of parts) {
      await file.write(data);
      bytes += data.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}
