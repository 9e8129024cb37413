// `metroctl cluster backup <file>`: everything that the cluster keeps in consensus, signed
// by its CA and encrypted to the operator's recovery key.
import { open, rename, rm } from "node:fs/promises";
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { backupText, checkBackup } from "../../session/backup-file.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { type ContextFolder, chosenContext } from "../../session/context.ts";
import { type AgeQuestion, askAboutAge, saveNewestBackup } from "../../session/newest-backup.ts";
import { loadRecoveryKey } from "../../session/recovery-key.ts";

/** A large state takes its time. */
const BACKUP_MS = 10 * 60_000;

export default defineCommand({
  meta: { name: "backup", description: "Save the cluster's state, encrypted, to a file" },
  args: {
    ...clusterArgs,
    yes: { type: "boolean", alias: "y", description: "Keep an older backup without asking" },
    file: { type: "positional", required: true, description: "File to write" },
  },
  async run({ args }) {
    const { file } = args;
    using cluster = await openCluster(args);
    const partial = `${file}.part`;
    try {
      const bytes = await save(partial, cluster.management.backup({}, { timeoutMs: BACKUP_MS }));
      const checked = await check(chosenContext(args), partial, args);
      await rename(partial, file);
      answer(`Saved ${bytes} bytes to ${file}, ${checked}`);
    } finally {
      await rm(partial, { force: true });
    }
  },
});

/** Where the key is at hand: a backup that does not open is none. */
async function check(
  context: ContextFolder,
  path: string,
  { file, yes }: { readonly file: string; readonly yes?: boolean | undefined },
): Promise<string> {
  if (loadRecoveryKey(context) === undefined) return "not checked: the recovery key is not here";
  const facts = await checkBackup(context, path);
  // It would take the place of a better one, and make old backups look new later on.
  if (yes !== true) await askAboutAge(context, facts, ageQuestion(file));
  saveNewestBackup(context, facts);
  return `checked: ${backupText(facts)}`;
}

function ageQuestion(file: string): AgeQuestion {
  return {
    whatIsOlder: "What the cluster gave",
    meaning: "Either it was restored meanwhile, or the node that leads it has gone bad.",
    refused: `nothing was written to ${file}: look at the cluster's nodes`,
  };
}

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
