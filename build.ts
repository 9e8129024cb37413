// The build: `bun build.ts` makes everything, `bun build.ts <stage>...` parts of it.
//
// The stages are in src/image/build/, one file each; this file puts them together and talks to the
// person at the terminal. Progress goes to stderr; the last line on stdout is the path of what was
// asked for.
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleStage } from "./src/image/build/bundle.ts";
import { Apt } from "./src/image/build/debian.ts";
import { etcdStage } from "./src/image/build/etcd.ts";
import { executableStages } from "./src/image/build/executable.ts";
import { runGraph, type StageResult } from "./src/image/build/graph.ts";
import { ensurePrograms, stopPrograms } from "./src/image/build/host.ts";
import { kernelStage } from "./src/image/build/kernel.ts";
import { firmwareStage, keysStage } from "./src/image/build/keys.ts";
import { formatLock, makeLock, readNames } from "./src/image/build/lock.ts";
import { hostStage, packagesStage } from "./src/image/build/packages.ts";
import { pruneCache } from "./src/image/build/prune.ts";
import { type BuildSettings, cacheFolder, lockedPackages } from "./src/image/build/settings.ts";
import { BuildError, type Stage } from "./src/image/build/stage.ts";
import { systemStage } from "./src/image/build/system.ts";
import { bootLoaderStage, installerStage, ukiStage } from "./src/image/build/uki.ts";

const usage = `usage: bun build.ts [options] [stage...]

  list            what can be built
  lock            lock the newest Debian packages, in initramfs/packages.lock.json
  all             everything; the default

  --keys DIR      Secure Boot keys to sign with, instead of those made on the first build
  --quick         compress lightly: for trying things out, not for release
  --locked        fail when a locked Debian package has vanished, instead of taking the newest
`;

const started = performance.now();

function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(7);
  process.stderr.write(`${seconds}s  ${text}\n`);
}

function buildStages(settings: BuildSettings): readonly Stage[] {
  return [
    kernelStage(settings),
    packagesStage(settings),
    hostStage(settings),
    etcdStage(settings),
    ...executableStages(settings),
    keysStage(settings),
    firmwareStage(settings),
    systemStage(settings),
    bootLoaderStage(settings),
    ukiStage(settings),
    installerStage(settings),
    bundleStage(settings),
  ];
}

function report(event: string, stage: Stage, text: string): void {
  const words: Readonly<Record<string, string>> = {
    start: "started",
    cached: "cached",
    done: `done in ${text}`,
    failed: `FAILED after ${text}`,
    note: text,
  };
  say(`${stage.name.padEnd(12)} ${words[event] ?? event}`);
}

async function writeLock({ checkout, apt }: BuildSettings): Promise<string> {
  const folder = join(checkout, "initramfs");
  const path = join(folder, "packages.lock.json");
  await writeFile(path, formatLock(await makeLock(apt, await readNames(folder))));
  return path;
}

function list(stages: readonly Stage[]): string {
  return stages.map(({ name, summary }) => `${name.padEnd(22)} ${summary}`).join("\n");
}

/** What the last line on stdout says: the output of the stage that was asked for last. */
function answer(results: ReadonlyMap<string, StageResult>, wanted: readonly string[]): string {
  const result = results.get(wanted.at(-1) ?? "");
  return result === undefined ? "" : join(result.folder, result.stage.output ?? "");
}

interface Flags {
  readonly keys?: string | undefined;
  readonly locked: boolean;
  readonly quick: boolean;
}

function readSettings({ keys, locked, quick }: Flags): BuildSettings {
  const cache = cacheFolder(process.env);
  const checkout = import.meta.dir;
  const apt = new Apt(cache);
  const packages = lockedPackages(checkout, apt, { isStrict: locked, warn: say });
  const folder = keys === undefined ? join(cache, "keys") : resolve(keys);
  return { cache, checkout, apt, packages, keys: folder, isQuick: quick };
}

async function main(): Promise<string> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      keys: { type: "string" },
      quick: { type: "boolean", default: false },
      locked: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return usage;
  const settings = readSettings(values);
  await mkdir(settings.cache, { recursive: true });
  const stages = buildStages(settings);
  const [first = "all"] = positionals;
  if (first === "list") return list(stages);
  if (first === "lock") return writeLock(settings);
  const wanted = first === "all" ? stages.map(({ name }) => name) : positionals;
  const options = {
    cache: settings.cache,
    prepare: (needed: readonly Stage[]) => ensurePrograms(needed, say),
    report,
  };
  const results = await runGraph(stages, wanted, options);
  const names = stages.map(({ name }) => name);
  const pruned = await pruneCache(settings.cache, names);
  if (pruned.length > 0) say(`Removed ${pruned.length} old results from the cache`);
  return answer(results, wanted);
}

// Stages clean up behind themselves once their programs are gone.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stopPrograms);

try {
  console.log(await main());
} catch (error) {
  const isExpected = error instanceof BuildError;
  say(isExpected ? error.message : Bun.inspect(error));
  process.exitCode = 1;
}
