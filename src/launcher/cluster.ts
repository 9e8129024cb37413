// Clusters as whoever uses the launcher holds them: made, found again by name,
// their machines switched, and destroyed without a trace.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../base/event/event.ts";
import { type Child, startChild } from "../base/process/process.ts";
import { attachTo, type ConsoleLog, type Terminal } from "./console-log.ts";
import { sendControl } from "./control.ts";
import type { MachineStatus } from "./hardware.ts";
import { BOUND, keeperCommand, keeperEnvironment, RELEASE, readKeeperState } from "./keeper.ts";
import { LauncherError } from "./launcher-error.ts";
import { Machine } from "./machine.ts";
import { type ClusterPaths, clusterPaths, clustersDirectory, machinePaths } from "./paths.ts";
import { waitForPort } from "./reach.ts";
import { type ClusterSettings, readSettings } from "./settings.ts";

/** How long a keeper may take to make its network. */
const START_TIMEOUT_MS = 30_000;
/** How long it may take to go, before it is killed. */
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 30;

/** A running cluster. */
export class Cluster {
  readonly name: string;
  readonly settings: ClusterSettings;
  readonly machines: readonly Machine[];
  /** The SOCKS5 proxy into its network, as host:port on this host's loopback. */
  readonly proxy: string;
  readonly #paths: ClusterPaths;
  /** Holds the lifeline of a bound keeper; that ends when this object's process does. */
  readonly #keeper: Child | undefined;

  constructor(paths: ClusterPaths, settings: ClusterSettings, proxy: string, keeper?: Child) {
    this.#paths = paths;
    this.#keeper = keeper;
    this.name = settings.name;
    this.settings = settings;
    this.proxy = proxy;
    this.machines = settings.machines.map((machine) => new Machine(paths, machine));
  }

  /** The folder with everything that stays. */
  get directory(): string {
    return this.#paths.directory;
  }

  /** A machine by its number, from 1. */
  machine(number = 1): Machine {
    const found = this.machines.find((machine) => machine.number === number);
    if (found !== undefined) return found;
    throw new LauncherError(`cluster ${this.name} has no machine ${number}`);
  }

  /** Which machines are on. */
  status(): Promise<readonly MachineStatus[]> {
    return sendControl(this.#paths.control, { operation: "status" });
  }

  /** Lets the network's time server say so much more than this host's time; for tests. */
  async tellTime(aheadMs: number): Promise<void> {
    await sendControl(this.#paths.control, { operation: "time", aheadMs });
  }

  /** Silences the network's time server; for tests. */
  async silenceTime(): Promise<void> {
    await sendControl(this.#paths.control, { operation: "time" });
  }

  /** Lets a bound cluster outlive this process. */
  async release(): Promise<void> {
    await this.#keeper?.tell(RELEASE);
  }

  /** Waits until a TCP port of a machine accepts connections. */
  waitForPort(machine: Machine, port: number, timeoutMs: number): Promise<void> {
    return waitForPort(this.proxy, { host: machine.address, port }, timeoutMs);
  }

  /** Pulls all plugs and ends the network; disks and TPMs stay, `startCluster` goes on. */
  async stop(): Promise<void> {
    await stopKeeper(this.#paths);
    await this.#keeper?.exited;
  }

  /** Ends it and removes all of its files. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.#paths.directory, { recursive: true, force: true });
  }

  /** For `await using`: a test's cluster goes with its block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

/** What a list of clusters says of each. */
export interface ClusterSummary {
  readonly name: string;
  readonly directory: string;
  readonly settings: ClusterSettings;
  /** Absent when its keeper does not run: then all machines are off. */
  readonly machines?: readonly MachineStatus[];
  readonly proxy?: string;
}

/** Every cluster of this user, by name. */
export async function listClusters(): Promise<readonly ClusterSummary[]> {
  const folder = clustersDirectory();
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const known = names.filter((name) => existsSync(clusterPaths(name).settings));
  return Promise.all(known.map(summary));
}

async function summary(name: string): Promise<ClusterSummary> {
  const paths = clusterPaths(name);
  const common = { name, directory: paths.directory, settings: readSettings(paths.settings) };
  const machines = await statusOf(paths);
  const state = readKeeperState(paths);
  if (machines === undefined || state === undefined) return common;
  return { ...common, machines, proxy: proxyAddress(state.socksPort) };
}

/** The machines' states, or undefined when no keeper answers. */
async function statusOf(paths: ClusterPaths): Promise<readonly MachineStatus[] | undefined> {
  try {
    return await sendControl(paths.control, { operation: "status" });
  } catch (error) {
    if (error instanceof LauncherError) return undefined;
    throw error;
  }
}

function proxyAddress(port: number): string {
  return `127.0.0.1:${port}`;
}

/** A running cluster by its name. Throws LauncherError when it does not exist or run. */
export async function openCluster(name: string): Promise<Cluster> {
  const paths = existing(name);
  const state = readKeeperState(paths);
  if (state === undefined || (await statusOf(paths)) === undefined) {
    throw new LauncherError(`cluster ${name} is stopped: metroctl cluster start ${name}`);
  }
  return new Cluster(paths, readSettings(paths.settings), proxyAddress(state.socksPort));
}

function existing(name: string): ClusterPaths {
  const paths = clusterPaths(name);
  if (existsSync(paths.settings)) return paths;
  throw new LauncherError(
    `there is no cluster ${name} on this workstation: metroctl cluster list prints those there are`,
  );
}

/**
 * Starts the keeper of a cluster whose files exist. With `isBound` the cluster
 * stops when this process ends, however it ends.
 */
export async function startCluster(name: string, isBound = false): Promise<Cluster> {
  const paths = existing(name);
  if ((await statusOf(paths)) !== undefined) {
    throw new LauncherError(`cluster ${name} runs already`);
  }
  rmSync(paths.log, { force: true });
  const child = startChild(
    keeperCommand(["outside", paths.directory, ...(isBound ? [BOUND] : [])]),
    { env: keeperEnvironment(), log: paths.log, lifeline: isBound, detached: true },
  );
  await untilReady(paths, child);
  const port = readKeeperState(paths)?.socksPort ?? 0;
  return new Cluster(paths, readSettings(paths.settings), proxyAddress(port), child);
}

async function untilReady(paths: ClusterPaths, keeper: Child): Promise<void> {
  const limit = performance.now() + START_TIMEOUT_MS;
  while ((await statusOf(paths)) === undefined) {
    if (!keeper.isAlive() || performance.now() > limit) {
      keeper.kill("SIGTERM");
      throw new LauncherError(`start the cluster's network: ${lastLine(paths.log)}`);
    }
    await sleep(POLL_MS);
  }
}

function lastLine(file: string): string {
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const error = lines.findLast((line) => /error:|cannot|failed|denied|\bE[A-Z]{4,}\b/i.test(line));
  return `${error?.trim() ?? lines.at(-1) ?? "no reason was given"} (see ${file})`;
}

/** Ends a cluster, running or not, and removes its files. */
export async function destroyCluster(name: string): Promise<void> {
  const paths = existing(name);
  await stopKeeper(paths);
  rmSync(paths.directory, { recursive: true, force: true });
}

/** Asks the keeper to go and waits; kills it when it does not. */
async function stopKeeper(paths: ClusterPaths): Promise<void> {
  const state = readKeeperState(paths);
  if (state === undefined || !isKeeper(state.pid, paths)) return;
  await statusAfterStop(paths);
  const limit = performance.now() + STOP_TIMEOUT_MS;
  while (isKeeper(state.pid, paths)) {
    // Its death takes everything of the cluster along: see keeper.ts.
    if (performance.now() > limit) process.kill(state.pid, "SIGKILL");
    await sleep(POLL_MS);
  }
  rmSync(paths.runtime, { recursive: true, force: true });
}

async function statusAfterStop(paths: ClusterPaths): Promise<void> {
  try {
    await sendControl(paths.control, { operation: "stop" });
  } catch (error) {
    // It went before it could answer, which is what was asked.
    if (!(error instanceof LauncherError)) throw error;
  }
}

/** Whether this process is that keeper, and not a stranger with its old number. */
function isKeeper(pid: number, { directory }: ClusterPaths): boolean {
  const file = `/proc/${pid}/cmdline`;
  try {
    return readFileSync(file, "utf8").includes(directory);
  } catch {
    return false;
  }
}

/** Shows the console of a machine of a cluster, running or not. */
export async function attachConsole(
  name: string,
  machine: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const paths = existing(name);
  const { serialSocket } = machinePaths(paths, machine);
  if (!existsSync(join(paths.directory, "machines", String(machine)))) {
    throw new LauncherError(`cluster ${name} has no machine ${machine}`);
  }
  await attachTo(consoleOf(paths, machine), serialSocket, terminal, signal);
}

function consoleOf(paths: ClusterPaths, machine: number): ConsoleLog {
  return new Machine(paths, readMachine(paths, machine)).console;
}

function readMachine(paths: ClusterPaths, number: number) {
  const { machines } = readSettings(paths.settings);
  const found = machines.find((machine) => machine.number === number);
  if (found !== undefined) return found;
  throw new LauncherError(`there is no machine ${number}`);
}

/** Makes the empty folders of a new cluster; the caller fills them. */
export function makeClusterDirectory(paths: ClusterPaths): void {
  if (existsSync(paths.settings)) {
    throw new LauncherError("a cluster of this name exists; destroy it or choose another name");
  }
  // What an interrupted creation left has no settings and belongs to nobody.
  rmSync(paths.directory, { recursive: true, force: true });
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
}
