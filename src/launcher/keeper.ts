// The process that owns a cluster, in two halves that cannot outlive each other:
//
//   outside   on the host: relays a loopback TCP port to the SOCKS5 server, and
//      │      holds a pipe to, and the death signal of, the other half
//   unshare   the first process of new PID, network and mount namespaces (and a
//      │      user namespace where we are not root), killed with its parent
//   inside    process 1 in there: makes the network, runs machines, takes
//             commands. When it ends, the kernel ends all it ever started.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, run, startChild } from "../base/process/process.ts";
import { type Request, serveControl } from "./control.ts";
import { Hardware, type MachineStatus, type Switches } from "./hardware.ts";
import { readJson } from "./json-file.ts";
import { LauncherError } from "./launcher-error.ts";
import {
  bridgeCommands,
  cableCommands,
  dnsmasqProgram,
  hasSideCard,
  linkCommand,
  SOCKS_PORT,
  sideBridgeCommands,
  sideCableCommands,
  socksProgram,
} from "./network.ts";
import { programPath } from "./packages.ts";
import { type ClusterPaths, machinePaths, makePrivateDirectory, pathsOf } from "./paths.ts";
import { ProcessMachine } from "./process-machine.ts";
import { startRelay } from "./relay.ts";
import { type ClusterSettings, type MachineSettings, network, readSettings } from "./settings.ts";
import { SwitchedTime } from "./time-server.ts";

/** What keeper.json says while the keeper runs. */
export interface KeeperState {
  readonly pid: number;
  /** The SOCKS5 proxy's port on the host's loopback. */
  readonly socksPort: number;
}

/** How a keeper is told to end with the process that started it. */
export const BOUND = "bound";
/** What lets a bound keeper go: said on its standard input, the end of that means nothing more. */
export const RELEASE = "release\n";

/**
 * The program of `metroctl cluster keeper`. Arguments: which half, the cluster's
 * folder, and then for the outer half `bound` when it shall end with its standard
 * input, for the inner half the socket folder.
 */
export async function keeper(args: readonly string[]): Promise<void> {
  const [half, directory, extra] = args;
  if (directory === undefined) throw new LauncherError("keeper: want a half and a folder");
  if (half === "inside") await keepInside(pathsOf(directory, process.env, extra));
  else await keepOutside(pathsOf(directory), extra === BOUND);
}

/** The command line that starts one half of this very program again. */
export function keeperCommand(args: readonly string[]): readonly string[] {
  const isCompiled = import.meta.path.startsWith("/$bunfs/");
  if (isCompiled) return [process.execPath, "cluster", "keeper", ...args];
  const script = `(await import(${JSON.stringify(import.meta.path)})).keeper(${JSON.stringify(args)})`;
  return [process.execPath, "-e", `await ${script}`];
}

/** The environment of both halves: what decides paths, and nothing else. */
export function keeperEnvironment(): Record<string, string> {
  const kept = ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"];
  const values = kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(values), PATH: programPath, METROPOLIS_ROLE: "metroctl" };
}

/** What the running keeper, if any, wrote about itself. */
export function readKeeperState(paths: ClusterPaths): KeeperState | undefined {
  const value = readJson(paths.keeper);
  const isState =
    typeof value === "object" &&
    value !== null &&
    "pid" in value &&
    typeof value.pid === "number" &&
    "socksPort" in value &&
    typeof value.socksPort === "number";
  return isState ? { pid: Number(value.pid), socksPort: Number(value.socksPort) } : undefined;
}

async function keepOutside(paths: ClusterPaths, isBound: boolean): Promise<void> {
  makePrivateDirectory(paths.runtime);
  // The port of last time, if still free: contexts of metroctl name it.
  const last = readKeeperState(paths)?.socksPort ?? 0;
  const to = { path: paths.socks };
  const relay = await startRelay({ host: "127.0.0.1", port: last }, to).catch(() =>
    startRelay({ host: "127.0.0.1", port: 0 }, to),
  );
  const inside = startInside(paths);
  const end = () => inside.kill("SIGKILL");
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", end);
  if (isBound) whenInputEnds(end);
  const state: KeeperState = { pid: process.pid, socksPort: relay.port };
  writeFileSync(paths.keeper, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  await inside.exited;
  relay.close();
  rmSync(paths.runtime, { recursive: true, force: true });
  process.exit(0);
}

function startInside(paths: ClusterPaths): Child {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child"];
  return startChild(
    // Both ways of dying are covered: unshare gets SIGKILL when we end, its child when it ends.
    [
      ...["setpriv", "--pdeathsig", "KILL", "unshare", ...user, ...namespaces, "--"],
      ...keeperCommand(["inside", paths.directory, paths.runtime]),
    ],
    { env: keeperEnvironment(), log: paths.log, lifeline: true },
  );
}

function whenInputEnds(end: () => void): void {
  let isReleased = false;
  const react = () => {
    if (!isReleased) end();
  };
  process.stdin.on("end", react);
  process.stdin.on("error", react);
  process.stdin.on("data", (text) => {
    isReleased ||= String(text) === RELEASE;
  });
}

async function keepInside(paths: ClusterPaths): Promise<void> {
  whenInputEnds(() => process.exit(0));
  const { machines, programs } = readSettings(paths.settings);
  const env = { PATH: programPath };
  const isVirtual = programs === undefined;
  for (const command of bridgeCommands(isVirtual)) await run(command, { env });
  // A process machine gets a new cable whenever it is switched on.
  for (const command of isVirtual ? allCables(machines) : []) await run(command, { env });
  await nameServer(paths);
  const servers = isVirtual ? [dnsmasqProgram(paths, machines)] : [];
  for (const program of [...servers, socksProgram()]) {
    const name = String(program[0]);
    const child = startChild(program, { env, log: join(paths.directory, `${name}.log`) });
    // The network without one of its servers would be a riddle: better none at all.
    void child.exited.then(() => giveUp(`error: ${name} has ended; see ${name}.log`));
  }
  const time = new SwitchedTime();
  // Processes have the host's clock.
  if (isVirtual) await time.tell(0);
  await startRelay({ path: paths.socks }, { host: "127.0.0.1", port: SOCKS_PORT });
  await takeCommands(paths, time);
}

function allCables(machines: readonly MachineSettings[]): readonly (readonly string[])[] {
  const sides = machines.filter(hasSideCard);
  return [
    ...machines.flatMap(({ number }) => cableCommands(number)),
    ...(sides.length > 0 ? sideBridgeCommands() : []),
    ...sides.flatMap(({ number }) => sideCableCommands(number)),
  ];
}

/** Ends everything, with a reason in the keeper's log. */
function giveUp(reason: string): void {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

/** Names of the private network for everything inside, and no other names. */
async function nameServer(paths: ClusterPaths): Promise<void> {
  const file = join(paths.runtime, "resolv.conf");
  writeFileSync(file, `nameserver ${network.gateway}\nsearch ${network.domain}\n`);
  await run(["mount", "--bind", file, "/etc/resolv.conf"], { env: { PATH: programPath } });
}

async function takeCommands(paths: ClusterPaths, time: SwitchedTime): Promise<void> {
  const settings = readSettings(paths.settings);
  const machines = new Map(
    settings.machines.map((machine) => [machine.number, hardwareOf(machine, paths, settings)]),
  );
  await serveControl(paths.control, async (request) => {
    if (request.operation === "time") await time.tell(request.aheadMs);
    else await perform(request, machines);
    return statusOf(machines);
  });
}

function hardwareOf(
  machine: MachineSettings,
  paths: ClusterPaths,
  settings: ClusterSettings,
): Switches {
  const own = machinePaths(paths, machine.number);
  if (settings.programs === undefined) return new Hardware(machine, own, settings);
  return new ProcessMachine(machine, own, settings.programs);
}

function statusOf(machines: ReadonlyMap<number, Switches>): readonly MachineStatus[] {
  return [...machines.values()].map((machine) => machine.status());
}

async function perform(
  request: Exclude<Request, { readonly operation: "time" }>,
  machines: ReadonlyMap<number, Switches>,
): Promise<void> {
  if (request.operation === "status") return;
  if (request.operation === "stop") {
    // As one power cut for all; the reply leaves before the process does.
    await Promise.all([...machines.values()].map((machine) => machine.kill()));
    setTimeout(() => process.exit(0), 20);
    return;
  }
  const machine = machines.get(request.machine);
  if (machine === undefined) throw new LauncherError(`there is no machine ${request.machine}`);
  switch (request.operation) {
    case "powerOn":
      return machine.powerOn(request);
    case "plug":
    case "unplug":
      await run(linkCommand(request.machine, request.operation === "plug"), {
        env: { PATH: programPath },
      });
      return;
    case "saveMemory":
      return machine.saveMemory(request.file);
    default:
      return machine[request.operation]();
  }
}
