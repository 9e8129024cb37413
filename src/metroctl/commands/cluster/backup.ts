// `metroctl cluster backup <file>`: everything that the cluster keeps in consensus, signed
// by its CA and encrypted to the operator's recovery key.
import { rename, rm } from "node:fs/promises";
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { backupText, checkBackup } from "../../session/backup-file.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { type ContextFolder, chosenContext } from "../../session/context.ts";
import { requireFileTarget } from "../../session/file-target.ts";
import { interrupt } from "../../session/interrupt.ts";
import { type AgeQuestion, askAboutAge, saveNewestBackup } from "../../session/newest-backup.ts";
import { loadRecoveryKey } from "../../session/recovery-key.ts";
import { saveStream } from "../../session/save-stream.ts";

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
    requireFileTarget(file);
    using cluster = await openCluster(args);
    const partial = `${file}.part`;
    using interrupted = interrupt();
    const { signal } = interrupted;
    try {
      const parts = cluster.management.backup({}, { timeoutMs: BACKUP_MS, signal });
      const bytes = await saveStream(partial, file, pieces(parts));
      const checked = await check(chosenContext(args), partial, args);
      await rename(partial, file);
      answer(`Saved ${bytes} bytes to ${file}, ${checked}`);
    } catch (error) {
      throw signal.aborted ? new UserError(`interrupted: nothing was written to ${file}`) : error;
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

async function* pieces(parts: AsyncIterable<{ readonly data: Uint8Array }>) {
  for await (const { data } of parts) yield data;
}
