// A backup on the operator's disk: opened with his recovery key, and believed only when
// the cluster's CA has signed it.
import { createReadStream } from "node:fs";
import { hashedStream } from "../../base/format/hashed-stream.ts";
import { decryptStream, SealedBoxError } from "../../base/pki/age.ts";
import { BackupError, type BackupFacts, verifyBackup } from "../../base/pki/signed-backup.ts";
import { fingerprint } from "../../base/pki/verify.ts";
import { errorLine } from "../output/error-line.ts";
import { printable } from "../output/printable.ts";
import { ago, utcText } from "../output/time-words.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { trustedCa } from "./owner.ts";
import { recoveryKey } from "./recovery-key.ts";

/** A backup that was found good. */
export interface CheckedBackup extends BackupFacts {
  /** Of its content: what is sent later must be this. */
  readonly digest: string;
}

/**
 * The content of a backup that was checked. Throws a {@link UserError} in place of the last
 * part when the file is another one now.
 */
export async function* checkedContent(
  context: ContextFolder,
  file: string,
  digest: string,
): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  let last: Uint8Array = new Uint8Array();
  for await (const part of hashedStream(decrypted(context, file), hash)) {
    yield last;
    last = part;
  }
  if (hash.digest("hex") !== digest) throw new UserError(`${file} was changed: run it again`);
  yield last;
}

function decrypted(context: ContextFolder, file: string): AsyncGenerator<Uint8Array> {
  return decryptStream(recoveryKey(context).privateKey, createReadStream(file));
}

/**
 * Reads a backup to its end, and gives what it says of itself.
 *
 * Throws a {@link UserError} when the context lacks a key or the CA, and when the file is
 * not a whole backup of the context's cluster.
 */
export async function checkBackup(context: ContextFolder, file: string): Promise<CheckedBackup> {
  const caFingerprint = backupCa(context);
  await requireBackup(file);
  const hash = new Bun.CryptoHasher("sha256");
  const content = hashedStream(decrypted(context, file), hash);
  try {
    const facts = await verifyBackup(content, caFingerprint, async () => {});
    return { ...facts, digest: hash.digest("hex") };
  } catch (cause) {
    if (!(cause instanceof SealedBoxError || cause instanceof BackupError)) throw cause;
    throw new UserError(`${file} is refused: ${errorLine(cause)}. Take another backup`);
  }
}

/** What every backup begins with; see age-encryption.org/v1. */
const BEGINNING = "age-encryption.org/v1\n";

/** Refuses what was never a backup: to take another one would not help against that. */
async function requireBackup(file: string): Promise<void> {
  const beginning = await readBeginning(file);
  if (beginning === BEGINNING) return;
  const what = beginning === "" ? "is empty" : "is no backup";
  throw new UserError(`${file} ${what}: name a file that metroctl cluster backup wrote`);
}

async function readBeginning(file: string): Promise<string> {
  const chunks = createReadStream(file, { end: BEGINNING.length - 1 });
  try {
    return Buffer.concat(await Array.fromAsync<Buffer>(chunks)).toString("latin1");
  } catch (cause) {
    throw new UserError(`read ${file}`, { cause });
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
