// `metroctl cluster backup <file>`: everything that the cluster keeps in consensus, signed
// by its CA and encrypted to the operator's recovery key.
import { rm } from "node:fs/promises";
import { defineCommand } from "citty";
import { sleep } from "../../../base/event/event.ts";
import type { BackupFacts } from "../../../base/pki/signed-backup.ts";
import { Code, RpcError } from "../../../base/rpc/rpc.ts";
import { answer } from "../../output/message.ts";
import { InterruptedError } from "../../output/user-error.ts";
import { backupText, checkBackup } from "../../session/backup-file.ts";
import { type Cluster, openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { type ContextFolder, chosenContext } from "../../session/context.ts";
import { requireFileTarget } from "../../session/file-target.ts";
import { interrupt } from "../../session/interrupt.ts";
import { type AgeQuestion, askAboutAge, rememberBackup } from "../../session/newest-backup.ts";
import { loadRecoveryKey } from "../../session/recovery-key.ts";
import { takeName } from "../../session/replace-file.ts";
import { saveStream } from "../../session/save-stream.ts";

/** A large state takes its time. */
const BACKUP_MS = 10 * 60_000;
/** A cluster that loses its leader more often than that has another trouble. */
const MOST_ATTEMPTS = 5;
const PAUSE_MS = 250;

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
    const context = chosenContext(args);
    const { bytes, facts } = await save(cluster, context, args);
    const checked =
      facts === undefined
        ? "not checked: the recovery key is not here"
        : `checked: ${backupText(facts)}`;
    answer(`Saved ${bytes} bytes to ${file}, ${checked}`);
    // Last: the backup is good also where the context has no room to remember it.
    if (facts !== undefined) rememberBackup(context, facts);
  },
});

interface Choice {
  readonly file: string;
  readonly yes?: boolean | undefined;
}

/** Writes the backup beside its name, and gives it that name when it has been found good. */
async function save({ management }: Cluster, context: ContextFolder, choice: Choice) {
  const { file } = choice;
  const partial = `${file}.part`;
  using interrupted = interrupt();
  const { signal } = interrupted;
  try {
    const bytes = await whole(management, (parts) => saveStream(partial, file, parts), signal);
    const facts = await check(context, partial, choice);
    signal.throwIfAborted();
    takeName(partial, file);
    return { bytes, facts };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new InterruptedError(`interrupted: nothing was written to ${file}`);
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * All of a backup: one that breaks off, as when another member comes to lead, is begun again.
 * The next one gives the state as it is then, so nothing of the first is of use.
 */
async function whole<R>(
  management: Cluster["management"],
  save: (parts: AsyncIterable<Uint8Array>) => Promise<R>,
  signal: AbortSignal,
): Promise<R> {
  const limit = performance.now() + BACKUP_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      const timeoutMs = Math.max(1, limit - performance.now());
      return await save(pieces(management.backup({}, { timeoutMs, signal })));
    } catch (error) {
      const isLost = error instanceof RpcError && error.code === Code.unavailable;
      if (!isLost || attempt === MOST_ATTEMPTS) throw error;
    }
    await sleep(PAUSE_MS, signal);
  }
}

/** Where the key is at hand: a backup that does not open is none. */
async function check(
  context: ContextFolder,
  path: string,
  { file, yes }: Choice,
): Promise<BackupFacts | undefined> {
  if (loadRecoveryKey(context) === undefined) return undefined;
  const facts = await checkBackup(context, path);
  // It would take the place of a better one, and make old backups look new later on.
  if (yes !== true) await askAboutAge(context, facts, ageQuestion(file));
  return facts;
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
