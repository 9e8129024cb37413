// Whether KVM may be used. Where the host is itself a virtual machine, /dev/kvm
// can open, start machines and then never get a kernel through its first page of
// code; so the only test that counts is a kernel that was seen to boot.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { dirname, join } from "node:path";
import { ExitError, run } from "../base/process/process.ts";
import { readJson } from "./json-file.ts";
import { programPath } from "./packages.ts";
import type { Accelerator } from "./settings.ts";

/** A kernel without a root file system is at its panic in a second under KVM. */
const PROBE_TIMEOUT_MS = 10_000;
/** What it says when all but the root file system is there. */
const REACHED = "Kernel panic - not syncing: VFS";

/** Enough for what runs at the same time in a node, and to find what only happens between two. */
const PROCESSORS = 2;

/** How much longer things take than natively, for the time limits of whoever waits. */
export function slowness(accelerator: Accelerator): number {
  return accelerator === "tcg" ? 5 : 1;
}

/**
 * How many processors each of `machines` gets. Where instructions are translated, no more in all
 * than the host has: more make every machine slower, and 2 of 62 boots with three times as many
 * died of an instruction that the kernel had just patched, and QEMU ran as it was ("Oops: int3").
 */
export function processors(
  accelerator: Accelerator,
  machines: number,
  host = availableParallelism(),
): number {
  if (accelerator !== "tcg") return PROCESSORS;
  return Math.max(1, Math.min(PROCESSORS, Math.floor(host / machines)));
}

/**
 * The accelerator that works here. `kernel` is a bzImage to try KVM with; without
 * one the answer is TCG, unless an earlier probe since the host's boot knows better.
 */
export async function chooseAccelerator(kernel: string | undefined): Promise<Accelerator> {
  if (!mayOpenKvm()) return "tcg";
  const known = readProbe();
  if (known !== undefined) return known;
  if (kernel === undefined || !existsSync(kernel)) return "tcg";
  const accelerator = (await bootsOnKvm(kernel)) ? "kvm" : "tcg";
  writeProbe(accelerator);
  return accelerator;
}

function mayOpenKvm(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Boots `kernel` on KVM without any disk, and sees whether it gets to look for one. */
export async function bootsOnKvm(kernel: string): Promise<boolean> {
  const machine = ["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "256M"];
  const quiet = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"];
  const boot = ["-kernel", kernel, "-append", "console=ttyS0 panic=-1", "-serial", "stdio"];
  try {
    const { text } = await run(["qemu-system-x86_64", ...machine, ...quiet, ...boot], {
      env: { PATH: programPath },
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    return text.includes(REACHED);
  } catch (error) {
    if (error instanceof ExitError) return false;
    throw error;
  }
}

/** The answer holds until the host boots again, perhaps on other hardware. */
function probeFile(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "metropolis", "accelerator.json");
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function readProbe(): Accelerator | undefined {
  const value = readJson(probeFile());
  if (typeof value !== "object" || value === null) return undefined;
  if (!("boot" in value) || value.boot !== bootId() || !("accelerator" in value)) return undefined;
  return value.accelerator === "kvm" ? "kvm" : "tcg";
}

function writeProbe(accelerator: Accelerator): void {
  mkdirSync(dirname(probeFile()), { recursive: true });
  writeFileSync(probeFile(), `${JSON.stringify({ boot: bootId(), accelerator })}\n`);
}
