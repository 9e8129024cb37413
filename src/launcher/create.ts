// Making a cluster: its folder, firmware variables, TPMs and blank disks (or
// copies of a prepared machine's), then its keeper.
import { copyFileSync, existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { chooseAccelerator, processors } from "./accelerator.ts";
import { type Cluster, makeClusterDirectory, startCluster } from "./cluster.ts";
import { copySparse, createDisk, parseSize } from "./disk.ts";
import { LauncherError } from "./launcher-error.ts";
import { installLine, missingPackages } from "./packages.ts";
import { clusterPaths, type MachinePaths, machinePaths } from "./paths.ts";
import {
  type Accelerator,
  type ClusterSettings,
  MAX_MACHINES,
  type MachineNetwork,
  type MachineSettings,
  writeSettings,
} from "./settings.ts";
import { manufactureTpm } from "./tpm.ts";

/** One machine to be made. */
export interface MachineOptions {
  /** The size of its blank disk, such as "4G". */
  readonly disk?: string;
  /** Instead: a folder with another machine's disk.img, vars.fd and tpm/, to be copied. */
  readonly copyOf?: string;
  /** Memory such as "2G". */
  readonly memory?: string;
  /** By default what `processors` gives. */
  readonly cpus?: number;
  /** False leaves our keys out of the firmware, which switches Secure Boot off. */
  readonly secureBoot?: boolean;
  readonly tpm?: boolean;
  readonly fwCfg?: Readonly<Record<string, string>>;
  /** By default one card, with an address of each family; of IPv4 alone for a process. */
  readonly network?: Partial<MachineNetwork>;
  readonly kernel?: { readonly file: string; readonly commandLine: string };
}

/** A cluster to be made. */
export interface ClusterOptions {
  readonly name: string;
  readonly machines: readonly MachineOptions[];
  /** Where the build put firmware and kernel; by default its cache's `out`. */
  readonly out?: string;
  /** By default what works here. */
  readonly accelerator?: Accelerator;
  /** Machines are plain processes; this is the folder with etcd and etcdutl. */
  readonly programs?: string;
  /** The cluster stops when this process ends, however it ends. */
  readonly isBound?: boolean;
}

/** What is going on, for a person who waits. */
export type Progress = (text: string) => void;

const DEFAULT_DISK = "4G";
/** Firmware variables without any keys, as Debian ships them, below the build's outputs. */
const UNENROLLED = "host/usr/share/OVMF/OVMF_VARS_4M.fd";

/** Where the build's latest outputs lie. */
export function buildOutputs(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(process.env.METROPOLIS_CACHE || join(cache, "metropolis"), "out");
}

/**
 * Makes a cluster and its network; all machines are off. Throws LauncherError when
 * programs or firmware are missing, naming what gets them. Leaves nothing behind
 * when it fails.
 */
export async function createCluster(
  options: ClusterOptions,
  progress: Progress = () => undefined,
): Promise<Cluster> {
  const paths = clusterPaths(options.name);
  const out = options.out ?? buildOutputs();
  checkHost(options);
  makeClusterDirectory(paths);
  try {
    const settings = await settle(options, out, progress);
    for (const [index, machine] of options.machines.entries()) {
      const own = machinePaths(paths, index + 1);
      mkdirSync(own.directory, { recursive: true, mode: 0o700 });
      if (settings.programs !== undefined) continue;
      progress(`Making machine ${index + 1}`);
      await makeMachine(machine, own, out);
    }
    writeSettings(paths.settings, settings);
    progress("Making its network");
    return await startCluster(options.name, options.isBound);
  } catch (error) {
    rmSync(paths.directory, { recursive: true, force: true });
    throw error;
  }
}

function checkHost({ machines, programs }: ClusterOptions): void {
  const kind = programs === undefined ? "machines" : "processes";
  const missing = missingPackages(kind);
  if (missing.length > 0) {
    throw new LauncherError(
      `run a cluster here: Debian packages are missing; install them with: ${installLine(missing)}`,
    );
  }
  if (machines.length === 0 || machines.length > MAX_MACHINES) {
    throw new LauncherError(`make ${machines.length} machines: want 1 to ${MAX_MACHINES}`);
  }
}

async function settle(
  options: ClusterOptions,
  out: string,
  progress: Progress,
): Promise<ClusterSettings> {
  const { name, programs } = options;
  const common = { format: 1, name, created: new Date().toISOString() } as const;
  if (programs !== undefined) {
    mustExist("etcd", join(programs, "etcd"));
    const machines = allMachines(options, "process");
    const places = { firmware: "", programs: realpathSync(programs) };
    return { ...common, accelerator: "process", machines, ...places };
  }
  const firmware = join(out, "OVMF_CODE.fd");
  mustExist("firmware", firmware);
  progress("Looking for the fastest way to run a machine");
  const accelerator = options.accelerator ?? (await chooseAccelerator(join(out, "bzImage")));
  return { ...common, accelerator, machines: allMachines(options, accelerator), firmware };
}

function mustExist(what: string, file: string): void {
  if (existsSync(file)) return;
  throw new LauncherError(`use ${what} ${file}: it does not exist; run the build first`);
}

function allMachines(
  { machines }: ClusterOptions,
  accelerator: Accelerator,
): readonly MachineSettings[] {
  const cpus = processors(accelerator, machines.length);
  return machines.map((options, index) => ({
    number: index + 1,
    memoryMiB: parseSize(options.memory ?? "2G") / 2 ** 20,
    cpus: options.cpus ?? cpus,
    hasTpm: options.tpm ?? true,
    fwCfg: options.fwCfg ?? {},
    ...(options.network === undefined ? {} : { network: networkOf(options.network, accelerator) }),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
  }));
}

function networkOf(wanted: Partial<MachineNetwork>, accelerator: Accelerator): MachineNetwork {
  const hasIpv6 = accelerator !== "process";
  return { ...{ hasIpv4: true, hasIpv6, hasSideCard: false }, ...wanted };
}

async function makeMachine(options: MachineOptions, paths: MachinePaths, out: string) {
  if (options.copyOf !== undefined) return copyMachine(options.copyOf, paths);
  const isSecure = options.secureBoot ?? true;
  copyFileSync(join(out, isSecure ? "OVMF_VARS.fd" : UNENROLLED), paths.variables);
  createDisk(paths.disk, parseSize(options.disk ?? DEFAULT_DISK));
  if (options.tpm ?? true) await manufactureTpm(paths);
}

/** Copies what makes up a machine, and none of its logs. */
async function copyMachine(from: string, { directory }: MachinePaths): Promise<void> {
  for (const part of ["disk.img", "vars.fd", "tpm"]) {
    const source = join(from, part);
    if (existsSync(source)) await copySparse(source, join(directory, part));
  }
}
