// Keeps the cache from growing without end: every change of the source makes new results of some
// 400 MB, and only the last few are ever wanted again.
import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Results kept per stage, whatever their age. */
const KEPT = 3;
/** Anything used since then may belong to a build or a test that still runs. */
const RECENT_MS = 60 * 60_000;
/** A build that was killed leaves its drafts; none runs for so long. */
const DRAFT_MS = 6 * 60 * 60_000;

/** Removes old results and drafts of the named stages; returns what it removed. */
export async function pruneCache(
  cache: string,
  stages: readonly string[],
  now: number = Date.now(),
): Promise<readonly string[]> {
  const entries = await Promise.all((await readdir(cache)).map((name) => ageOf(cache, name, now)));
  const newestFirst = entries.toSorted((a, b) => a.age - b.age);
  const old = stages.flatMap((stage) => {
    const isResult = (name: string) => new RegExp(`^${stage}-[0-9a-f]{16}$`).test(name);
    const results = newestFirst.filter(({ name }) => isResult(name)).slice(KEPT);
    const drafts = newestFirst.filter(({ name }) => name.startsWith(`.${stage}-`));
    return [
      ...results.filter(({ age }) => age > RECENT_MS),
      ...drafts.filter(({ age }) => age > DRAFT_MS),
    ];
  });
  for (const { name } of old) await rm(join(cache, name), { recursive: true, force: true });
  return old.map(({ name }) => name);
}

async function ageOf(
  cache: string,
  name: string,
  now: number,
): Promise<{ readonly name: string; readonly age: number }> {
  // Another build may have removed it meanwhile: then it is as new as can be.
  const time = await lstat(join(cache, name)).then(
    ({ mtimeMs }) => mtimeMs,
    () => now,
  );
  return { name, age: now - time };
}
