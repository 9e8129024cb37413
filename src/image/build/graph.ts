// Runs the stages of the build: each once, after those it needs, side by side as far as the cores
// allow, and not at all when its result is in the cache.
//
//   stages by name ──▶ keys (hash of inputs, code and needed keys) ──▶ <cache>/<stage>-<key>/
//
// A result is made in a folder of its own and renamed into place, so what the cache holds is always
// whole, and two builds at once at worst do the same work twice.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, utimes } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { BuildError, type Stage } from "./stage.ts";
import { codeDigests } from "./stage-code.ts";

/** What became of a stage. */
export interface StageResult {
  readonly stage: Stage;
  readonly folder: string;
  readonly wasCached: boolean;
  readonly seconds: number;
}

/** Where and how a graph is run. */
export interface GraphOptions {
  readonly cache: string;
  /** Called first of all, with every stage that may run: programs of the host can be inputs. */
  prepare?(stages: readonly Stage[]): Promise<void>;
  report?(event: "start" | "cached" | "done" | "failed" | "note", stage: Stage, text: string): void;
  readonly jobs?: number;
}

/** The stages asked for and all they need, needed ones first. */
export function inOrder(stages: readonly Stage[], wanted: readonly string[]): readonly Stage[] {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const order: Stage[] = [];
  const path: string[] = [];
  const visit = (name: string): void => {
    const stage = byName.get(name);
    if (stage === undefined) throw new BuildError(`no stage is called "${name}"`);
    if (order.includes(stage)) return;
    if (path.includes(name)) throw new BuildError(`stages need each other: ${path.join(", ")}`);
    path.push(name);
    for (const need of stage.needs) visit(need);
    path.pop();
    order.push(stage);
  };
  for (const name of wanted) visit(name);
  return order;
}

/** The keys of ordered stages; a key names one result for ever. */
export async function stageKeys(order: readonly Stage[]): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  const codes = await codeDigests(order.map(({ code }) => code));
  for (const stage of order) {
    const needed = stage.needs.map((need) => `${need} ${keys.get(need)}`);
    const lines = [stage.name, codes.get(stage.code), ...needed, ...(await stage.inputs())];
    const digest = createHash("sha256").update(JSON.stringify(lines)).digest("hex");
    keys.set(stage.name, digest.slice(0, 16));
  }
  return keys;
}

/** Makes the wanted stages and everything below them; returns the results by stage name. */
export async function runGraph(
  stages: readonly Stage[],
  wanted: readonly string[],
  options: GraphOptions,
): Promise<ReadonlyMap<string, StageResult>> {
  const order = inOrder(stages, wanted);
  await options.prepare?.(order);
  const keys = await stageKeys(order);
  const folderOf = (name: string) => join(options.cache, `${name}-${keys.get(name)}`);
  await mkdir(options.cache, { recursive: true });
  const missing = missingStages(order, wanted, (name) => existsSync(folderOf(name)));

  const free = slots(options.jobs ?? availableParallelism());
  const running = new Map<string, Promise<StageResult>>();
  let hasFailed = false;
  const make = async (stage: Stage): Promise<StageResult> => {
    const folder = folderOf(stage.name);
    if (!missing.includes(stage)) return cached(stage, folder, options);
    await Promise.all(stage.needs.map((need) => running.get(need)));
    return free(async () => {
      // A build that has failed starts nothing new; what runs is left to finish.
      if (hasFailed) throw new BuildError(`${stage.name}: not started`);
      return makeStage(stage, folder, folderOf, options);
    });
  };
  for (const stage of order) {
    const result = make(stage).catch((error: unknown) => {
      hasFailed = true;
      throw error;
    });
    running.set(stage.name, result);
  }
  const settled = await Promise.allSettled(running.values());
  const firstFailure = settled.find((result) => result.status === "rejected");
  if (firstFailure !== undefined) throw firstFailure.reason;
  const results = new Map<string, StageResult>();
  for (const [name, result] of running) results.set(name, await result);
  await link(results, options.cache);
  return results;
}

/**
 * The stages that must run. One whose result is there needs nothing below it: a warm bundle does
 * not ask for the kernel's folder.
 */
function missingStages(
  order: readonly Stage[],
  wanted: readonly string[],
  isThere: (name: string) => boolean,
): readonly Stage[] {
  const asked = new Set(wanted);
  const missing: Stage[] = [];
  for (const stage of order.toReversed()) {
    if (!asked.has(stage.name) || isThere(stage.name)) continue;
    missing.unshift(stage);
    for (const need of stage.needs) asked.add(need);
  }
  return missing;
}

async function cached(stage: Stage, folder: string, options: GraphOptions): Promise<StageResult> {
  const now = new Date();
  // The time of last use tells whoever cleans the cache what is no longer wanted.
  if (existsSync(folder)) await utimes(folder, now, now);
  options.report?.("cached", stage, "");
  return { stage, folder, wasCached: true, seconds: 0 };
}

async function makeStage(
  stage: Stage,
  folder: string,
  folderOf: (name: string) => string,
  options: GraphOptions,
): Promise<StageResult> {
  options.report?.("start", stage, "");
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const draft = await mkdtemp(join(options.cache, `.${stage.name}-`));
  try {
    await stage.make({
      folder: draft,
      result: (need) => neededFolder(stage, need, folderOf),
      note: (text) => options.report?.("note", stage, text),
    });
    await place(draft, folder);
  } catch (error) {
    options.report?.("failed", stage, `${elapsed().toFixed(1)} s`);
    throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  options.report?.("done", stage, `${elapsed().toFixed(1)} s`);
  return { stage, folder, wasCached: false, seconds: elapsed() };
}

function neededFolder(stage: Stage, need: string, folderOf: (name: string) => string): string {
  if (stage.needs.includes(need)) return folderOf(need);
  throw new BuildError(`${stage.name} reads ${need} but does not name it among its needs`);
}

/** Puts a result in its place; if somebody else was faster, theirs will do: the same key, the same bytes. */
async function place(draft: string, folder: string): Promise<void> {
  try {
    await rename(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** Points the links of `<cache>/out/` at these results, each in one step. */
async function link(results: ReadonlyMap<string, StageResult>, cache: string): Promise<void> {
  const out = join(cache, "out");
  for (const { stage, folder } of results.values()) {
    if (!existsSync(folder)) continue;
    for (const [name, file] of Object.entries(stage.links ?? {})) {
      const path = join(out, name);
      await mkdir(join(path, ".."), { recursive: true });
      const draft = `${path}.${process.pid}`;
      await symlink(join(folder, file), draft);
      await rename(draft, path);
    }
  }
}

/** Lets at most `count` pieces of work run at once, in the order they came. */
function slots(count: number): <R>(work: () => Promise<R>) => Promise<R> {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
