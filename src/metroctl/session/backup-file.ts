// A backup on the operator's disk: opened with his recovery key, and believed only when
// the cluster's CA has signed it.
import { createReadStream } from "node:fs";
import { decryptStream, SealedBoxError } from "../../base/pki/age.ts";
import { BackupError, type BackupFacts, verifyBackup } from "../../base/pki/signed-backup.ts";
import { fingerprint } from "../../base/pki/verify.ts";
import { printable } from "../output/printable.ts";
import { ago, utcText } from "../output/time-words.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { trustedCa } from "./owner.ts";
import { recoveryKey } from "./recovery-key.ts";

/** The content of a backup, which is to be verified. */
export function decryptedBackup(context: ContextFolder, file: string): AsyncGenerator<Uint8Array> {
  return decryptStream(recoveryKey(context).privateKey, createReadStream(file));
}

/**
 * Reads a backup to its end, and gives what it says of itself.
 *
 * Throws a {@link UserError} when the context lacks a key or the CA, and when the file is
 * not a whole backup of the context's cluster.
 */
export async function checkBackup(context: ContextFolder, file: string): Promise<BackupFacts> {
  const caFingerprint = backupCa(context);
  const content = decryptedBackup(context, file);
  try {
    return await verifyBackup(content, caFingerprint, async () => {});
  } catch (cause) {
    if (!(cause instanceof SealedBoxError || cause instanceof BackupError)) throw cause;
    throw new UserError(`${file} is refused: ${cause.message}. Take another backup`, { cause });
  }
}

/** The fingerprint of the CA that must have signed a backup. Throws a {@link UserError} without one. */
export function backupCa(context: ContextFolder): string {
  const ca = trustedCa(context);
  if (ca !== undefined) return fingerprint(ca);
  const path = `${context.path}/${contextFiles.ca}`;
  throw new UserError(
    `there is no ${path}, which tells your backups from forged ones: copy it from where you keep ` +
      "the owner's key, or see the handbook, Cold start and recovery, for how to take it out of a backup",
  );
}

/** What people compare before they restore. */
export function backupText({ cluster, time, revision }: BackupFacts, now = new Date()): string {
  const age = ago((now.getTime() - time.getTime()) / 1000);
  return `cluster ${printable(cluster)}, made at ${utcText(time)} (${age}), revision ${revision}`;
}
