// The newest backup that a context has seen, so that an older one is not restored unnoticed:
// whoever can put files where backups are kept could bring deleted nodes and users back.
import type { BackupFacts } from "../../base/pki/signed-backup.ts";
import { errorLine } from "../output/error-line.ts";
import { warn } from "../output/message.ts";
import { utcText } from "../output/time-words.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { confirm } from "./prompt.ts";

/** What is remembered of it. */
export type Newest = Pick<BackupFacts, "time" | "revision">;

/** The newest backup of a context; nothing where none was seen, or the file is damaged. */
export function newestBackup(context: ContextFolder): Newest | undefined {
  try {
    const text = context.read(contextFiles.newestBackup) ?? "{}";
    const { time = "", revision = "" }: Partial<Saved> = JSON.parse(text);
    const known = { time: new Date(time), revision: BigInt(revision) };
    return Number.isNaN(known.time.getTime()) ? undefined : known;
  } catch {
    // It only makes us ask less; whoever can damage it can remove it too.
    return undefined;
  }
}

/** Remembers a backup as the newest: the running cluster gave it, or it was restored. */
export function saveNewestBackup(context: ContextFolder, { time, revision }: Newest): void {
  const saved: Saved = { time: time.toISOString(), revision: `${revision}` };
  context.write(contextFiles.newestBackup, `${JSON.stringify(saved, null, 2)}\n`, 0o644);
}

/** The same where what matters is done: without room for it we only ask less another time. */
export function rememberBackup(context: ContextFolder, newest: Newest): void {
  try {
    saveNewestBackup(context, newest);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warn(`this backup is not remembered as the newest: ${errorLine(error)}`);
  }
}

/** Whether one is older than another: by its time or, where clocks went wrong, by its revision. */
export function isOlder(one: Newest, other: Newest): boolean {
  return one.time < other.time || one.revision < other.revision;
}

/** What is asked where an older one comes. */
export interface AgeQuestion {
  /** Begins the question; the newest that is known follows. */
  readonly whatIsOlder: string;
  /** What may be wrong, or follows from going on. */
  readonly meaning: string;
  /** What was left undone, when the answer is not yes. */
  readonly refused: string;
}

/** Asks where a backup is older than the newest. Throws a {@link UserError} unless the answer is yes. */
export async function askAboutAge(
  context: ContextFolder,
  one: Newest,
  { whatIsOlder, meaning, refused }: AgeQuestion,
): Promise<void> {
  const newest = newestBackup(context);
  if (newest === undefined || !isOlder(one, newest)) return;
  const known = `made at ${utcText(newest.time)}, revision ${newest.revision}`;
  const question = `${whatIsOlder} is older than the newest backup known here, ${known}.\n${meaning} Go on (yes/no)? `;
  if (!(await confirm(question, "--yes"))) throw new UserError(refused);
}

interface Saved {
  readonly time: string;
  readonly revision: string;
}
