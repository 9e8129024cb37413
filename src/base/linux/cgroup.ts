// Control groups, version 2: who belongs together, what they may use, and how to end them all.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Where the tree of groups is mounted. */
export const CGROUP_ROOT = "/sys/fs/cgroup";

/** How often to look whether a killed group is empty; the kernel kills in microseconds. */
const PERIOD_MS = 10;
const KILL_TIMEOUT_MS = 10_000;

/** A group that did not get empty although all in it were killed: they hang in the kernel. */
export class CgroupError extends Error {
  override readonly name = "CgroupError";
}

/** What a group may use. An absent field leaves the kernel's default. Sizes are bytes. */
export interface CgroupLimits {
  /** Memory that is never taken away. */
  readonly memoryMin?: number;
  /** From here on the group is slowed down instead of growing. */
  readonly memoryHigh?: number;
  /** From here on something in the group is killed. */
  readonly memoryMax?: number;
  /** Share of the processor when it is scarce: 1 to 10000, default 100. */
  readonly cpuWeight?: number;
  readonly pidsMax?: number;
  /** Kill all of the group, not one of it, when memory runs out. */
  readonly killTogether?: boolean;
}

const limitFiles: readonly (readonly [keyof CgroupLimits, string])[] = [
  ["memoryMin", "memory.min"],
  ["memoryHigh", "memory.high"],
  ["memoryMax", "memory.max"],
  ["cpuWeight", "cpu.weight"],
  ["pidsMax", "pids.max"],
  ["killTogether", "memory.oom.group"],
];

/** Creates a group (and those above it) if it is not there, and sets its limits. */
export function createCgroup(path: string, limits: CgroupLimits = {}): void {
  mkdirSync(path, { recursive: true });
  for (const [key, file] of limitFiles) {
    const value = limits[key];
    if (value !== undefined) writeFileSync(join(path, file), `${Number(value)}`);
  }
}

/** Lets children of a group have limits of their own. Such a group cannot hold processes. */
export function delegateControllers(path: string): void {
  const available = readFileSync(join(path, "cgroup.controllers"), "utf8").trim();
  const wanted = available
    .split(" ")
    .filter((name) => ["cpu", "io", "memory", "pids"].includes(name));
  if (wanted.length === 0) return;
  writeFileSync(join(path, "cgroup.subtree_control"), wanted.map((name) => `+${name}`).join(" "));
}

/** True if any process lives in the group or below it. */
export function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(readFileSync(join(path, "cgroup.events"), "utf8"));
}

/** The processes of a group and of those below it. */
export function cgroupProcesses(path: string): readonly number[] {
  const own = readFileSync(join(path, "cgroup.procs"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map(Number);
  return [...own, ...children(path).flatMap(cgroupProcesses)];
}

function children(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name));
}

/** Kills all in a group and below, at once and without a fork escaping; waits until it is empty. */
export async function killCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  writeFileSync(join(path, "cgroup.kill"), "1");
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  while (isPopulated(path)) {
    if (performance.now() > deadline) throw new CgroupError(`kill cgroup ${path}: still populated`);
    await delay(PERIOD_MS);
  }
}

/** Removes an empty group and those below it. */
export function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  for (const child of children(path)) removeCgroup(child);
  rmdirSync(path);
}
