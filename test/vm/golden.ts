// A machine that went through the demo once, kept at two points of it, so that
// other tests start from there in seconds:
//
//   medium ─► install ─► [installed] ─► first boot, takeownership ─► power off ─► [owned]
//
// Kept in the build's cache under the hash of what went in; the transcripts of
// the walk are kept with it, for the test that reads them message by message.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildOutputs,
  type Cluster,
  copySparse,
  createCluster,
  destroyCluster,
  listClusters,
  type Machine,
  slowness,
} from "../../src/launcher/launcher.ts";
import { Operator, type Transcript } from "./operator.ts";

/** The port of the Cluster API. */
export const API_PORT = 7835;

/** Time limits for a machine that runs natively; `patience` stretches them. */
const INSTALL_MS = 90_000;
const BOOT_MS = 60_000;
const POWER_OFF_MS = 20_000;

/** How long the machine of another build is kept, for whoever still tests it. */
const KEPT_MS = 60 * 60_000;

/** What the demo walk left. */
export interface Golden {
  /** Folders with disk.img, vars.fd and tpm/. */
  readonly installed: string;
  readonly owned: string;
  /** The owner's configuration folder after takeownership; to be copied. */
  readonly owner: string;
  /** The same before it: the owner key and the ownership secret. */
  readonly candidate: string;
  readonly medium: string;
  readonly walk: Walk;
}

/** How the walk went. */
export interface Walk {
  readonly transcripts: readonly Transcript[];
  readonly installConsole: string;
  readonly bootConsole: string;
  /** From power-on with a freshly installed disk to an open Cluster API. */
  readonly firstBootMs: number;
}

const folder = join(buildOutputs(), "..", "vm-tests");

/**
 * The build's outputs as they were when this process started: tests that begin with
 * one build must not go on with another that somebody makes meanwhile.
 */
export const outputs = pinOutputs();

function pinOutputs(): string {
  const pinned = mkdtempSync(join(tmpdir(), "metropolis-out-"));
  for (const name of readdirSync(buildOutputs())) {
    symlinkSync(realpathSync(join(buildOutputs(), name)), join(pinned, name));
  }
  return pinned;
}

/** Keeps the clusters of tests apart from the user's own. Call before any other use. */
export function useOwnState(): void {
  process.env.XDG_STATE_HOME = join(folder, "state");
}

/** A fresh folder for one test. */
export function scratch(name: string): string {
  const path = join(folder, "scratch", name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** A time limit on this host. */
export function patience(cluster: Cluster, milliseconds: number): number {
  return milliseconds * slowness(cluster.settings.accelerator);
}

/** Waits until the node serves its cluster, and says how long that took from now. */
export async function untilServing(cluster: Cluster, machine: Machine): Promise<number> {
  const start = performance.now();
  await cluster.waitForPort(machine, API_PORT, patience(cluster, BOOT_MS));
  return performance.now() - start;
}

/** This process's answer of `golden`: the same even if somebody builds meanwhile. */
let chosen: Golden | undefined;

/** The kept machine of this build; makes it when there is none. */
export async function golden(): Promise<Golden> {
  chosen ??= existing(goldenFolder()) ?? (await makeGolden());
  return chosen;
}

function goldenFolder(): string {
  const hash = createHash("sha256");
  for (const name of ["bundle.zip", "OVMF_CODE.fd", "OVMF_VARS.fd", "metroctl"]) {
    hash.update(readFileSync(join(outputs, name)));
  }
  return join(folder, `golden-${hash.digest("hex").slice(0, 16)}`);
}

function existing(path: string): Golden | undefined {
  const file = join(path, "walk.json");
  if (!existsSync(file)) return undefined;
  // Written by the lines below, under a name that holds the hash of all that made it.
  const walk: Walk = JSON.parse(readFileSync(file, "utf8"));
  return { ...parts(path), walk };
}

function parts(path: string) {
  return {
    installed: join(path, "installed"),
    owned: join(path, "owned"),
    owner: join(path, "owner"),
    candidate: join(path, "candidate"),
    medium: join(path, "bootstrap-node-installer.img"),
  };
}

/** Walks the demo and keeps what it leaves, in place of what was kept before. */
export async function makeGolden(): Promise<Golden> {
  const path = goldenFolder();
  const working = `${path}.new`;
  rmSync(working, { recursive: true, force: true });
  mkdirSync(working, { recursive: true });
  const walk = await walkDemo(parts(working));
  writeFileSync(join(working, "walk.json"), JSON.stringify(walk));
  rmSync(path, { recursive: true, force: true });
  renameSync(working, path);
  forgetOld();
  chosen = { ...parts(path), walk };
  return chosen;
}

/** Removes the machines of builds that nobody has tested for a while: each is large. */
function forgetOld(): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith("golden-"))) {
    const path = join(folder, name);
    const isOld = Date.now() - statSync(path).mtimeMs > KEPT_MS;
    if (isOld) rmSync(path, { recursive: true, force: true });
  }
}

type Parts = ReturnType<typeof parts>;

async function walkDemo(kept: Parts): Promise<Walk> {
  const operator = new Operator(kept.candidate, outputs);
  const bundle = join(outputs, "bundle.zip");
  await operator.metroctl("install", "genusb", kept.medium, "--bootstrap", `--bundle=${bundle}`);
  await clear("golden");
  await using cluster = await createCluster({
    name: "golden",
    machines: [{ disk: "4G" }],
    out: outputs,
    isBound: true,
  });
  const machine = cluster.machine();
  const installConsole = await install(cluster, machine, kept);
  const owner = operator.copy(kept.owner);
  owner.transcripts.push(...operator.transcripts);
  const firstBootMs = await own(cluster, machine, owner);
  const bootConsole = machine.console.text();
  await powerOff(cluster, machine);
  await keep(machine, kept.owned);
  return { transcripts: owner.transcripts, installConsole, bootConsole, firstBootMs };
}

/** Installs, and pulls the plug as the machine restarts: before it sees its new disk. */
async function install(cluster: Cluster, machine: Machine, kept: Parts): Promise<string> {
  await machine.installFrom(kept.medium, patience(cluster, INSTALL_MS));
  await machine.kill();
  await keep(machine, kept.installed);
  return machine.console.text();
}

async function own(cluster: Cluster, machine: Machine, owner: Operator): Promise<number> {
  await machine.powerOn();
  const firstBootMs = await untilServing(cluster, machine);
  await owner.metroctl("--proxy", cluster.proxy, "takeownership", machine.address);
  return firstBootMs;
}

/** Presses the power button; a node that ignores it has failed. */
export async function powerOff(cluster: Cluster, machine: Machine): Promise<void> {
  await machine.powerOff(patience(cluster, POWER_OFF_MS));
}

async function keep({ files }: Machine, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  const names = { "disk.img": files.disk, "vars.fd": files.variables, tpm: files.tpm };
  for (const [name, file] of Object.entries(names)) await copySparse(file, join(to, name));
}

/** Removes the cluster that a test left which was killed. */
export async function clear(name: string): Promise<void> {
  const clusters = await listClusters();
  if (clusters.some((cluster) => cluster.name === name)) await destroyCluster(name);
}

/** A cluster of one machine that continues from a kept one. It is off. */
export async function continueFrom(name: string, copyOf: string): Promise<Cluster> {
  await clear(name);
  return createCluster({ name, machines: [{ copyOf }], out: outputs, isBound: true });
}
