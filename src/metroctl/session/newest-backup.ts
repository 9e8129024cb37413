// The newest backup that a context has seen, so that an older one is not restored unnoticed:
// whoever can put files where backups are kept could bring deleted nodes and users back.
import type { BackupFacts } from "../../base/pki/signed-backup.ts";
import { type ContextFolder, contextFiles } from "./context.ts";

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

/** Whether one is older than another: by its time or, where clocks went wrong, by its revision. */
export function isOlder(one: Newest, other: Newest): boolean {
  return one.time < other.time || one.revision < other.revision;
}

interface Saved {
  readonly time: string;
  readonly revision: string;
}
