// Where a local cluster keeps its files, and where its sockets lie. Sockets have
// a folder of their own because their paths must stay below 108 bytes, which a
// home directory can break.
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ESP_PATHS } from "../image/image.ts";
import { LauncherError } from "./launcher-error.ts";

/** struct sockaddr_un.sun_path, its closing zero byte included. */
const MAX_SOCKET_PATH = 108;
/** The longest socket name used below: "control" or "12.serial". */
const LONGEST_SOCKET_NAME = 12;

type Environment = Readonly<Record<string, string | undefined>>;

/** The files of one cluster. */
export interface ClusterPaths {
  /** Everything that stays: settings, disks, TPM states, console logs. */
  readonly directory: string;
  /** Sockets, gone with the keeper. */
  readonly runtime: string;
  readonly settings: string;
  /** What the running keeper says of itself: process and proxy port. */
  readonly keeper: string;
  readonly log: string;
  /** The keeper listens here for commands. */
  readonly control: string;
  /** The SOCKS5 server inside the cluster's network, seen from outside. */
  readonly socks: string;
}

/** The files of one machine of a cluster. */
export interface MachinePaths {
  readonly directory: string;
  readonly disk: string;
  /** The firmware's variables: Secure Boot keys and boot entries. */
  readonly variables: string;
  readonly tpm: string;
  /** Where machines are processes: what the node is told to become. */
  readonly parameters: string;
  /** All that ever came out of the serial console, over all power cycles. */
  readonly console: string;
  readonly qemuLog: string;
  readonly serialSocket: string;
  readonly qmpSocket: string;
  readonly tpmSocket: string;
  /** QEMU's end and the bridge's end of the network cable. */
  readonly networkSocket: string;
  readonly cableSocket: string;
  /** The same of the card in the network that leads nowhere. */
  readonly sideNetworkSocket: string;
  readonly sideCableSocket: string;
}

const NAME = /^[a-z][a-z0-9-]{0,23}$/;

/** Checks a cluster's name, which becomes a folder and part of socket paths. */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new LauncherError(
    `cluster name "${name}": want a lower case letter, then at most 23 of a-z, 0-9 and "-"`,
  );
}

/** The folder that holds all clusters of this user. */
export function clustersDirectory(environment: Environment = process.env): string {
  const state = environment.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(state, "metropolis", "clusters");
}

/** The paths of one cluster; creates nothing. */
export function clusterPaths(name: string, environment: Environment = process.env): ClusterPaths {
  return pathsOf(join(clustersDirectory(environment), checkName(name)), environment);
}

/**
 * The same for a cluster whose folder is known. The keeper's inner half is told the
 * socket folder too: in a user namespace it takes itself for another user.
 */
export function pathsOf(
  directory: string,
  environment: Environment = process.env,
  runtime = runtimeDirectory(directory, environment),
): ClusterPaths {
  return {
    directory,
    runtime,
    settings: join(directory, "cluster.json"),
    keeper: join(directory, "keeper.json"),
    log: join(directory, "keeper.log"),
    control: join(runtime, "control"),
    socks: join(runtime, "socks"),
  };
}

/** The paths of a machine, by its number from 1. */
export function machinePaths(cluster: ClusterPaths, machine: number): MachinePaths {
  const directory = join(cluster.directory, "machines", String(machine));
  const socket = (name: string) => join(cluster.runtime, `${machine}.${name}`);
  return {
    directory,
    disk: join(directory, "disk.img"),
    variables: join(directory, "vars.fd"),
    tpm: join(directory, "tpm"),
    parameters: join(directory, "esp", ESP_PATHS.parameters),
    console: join(directory, "console.log"),
    qemuLog: join(directory, "qemu.log"),
    serialSocket: socket("serial"),
    qmpSocket: socket("qmp"),
    tpmSocket: socket("tpm"),
    networkSocket: socket("net"),
    cableSocket: socket("cable"),
    sideNetworkSocket: socket("net2"),
    sideCableSocket: socket("cable2"),
  };
}

/**
 * The socket folder: below XDG_RUNTIME_DIR if paths stay short enough there, else
 * below the temporary folder. The hash keeps clusters of one name apart when
 * their state lies in different places, as in tests.
 */
function runtimeDirectory(directory: string, environment: Environment): string {
  const hash = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  const own = environment.XDG_RUNTIME_DIR;
  const candidates = [
    ...(own ? [join(own, "metropolis", hash)] : []),
    join(tmpdir(), `metropolis-${process.getuid?.() ?? 0}`, hash),
    join("/tmp", `metropolis-${process.getuid?.() ?? 0}`, hash),
  ];
  const short = candidates.find((path) => path.length + LONGEST_SOCKET_NAME < MAX_SOCKET_PATH);
  return short ?? join("/tmp", `metropolis-${process.getuid?.() ?? 0}`, hash);
}

/**
 * Makes a folder that only this user can enter, and its parent likewise. Refuses
 * one that somebody else put there first: the temporary folder belongs to everyone.
 */
export function makePrivateDirectory(path: string): void {
  const parent = dirname(path);
  for (const folder of [parent, path]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const folder of [parent, path]) {
    const status = lstatSync(folder);
    const isOurs = status.isDirectory() && status.uid === (process.getuid?.() ?? status.uid);
    if (!isOurs) {
      throw new LauncherError(`use ${folder}: it belongs to user ${status.uid}, not to us`);
    }
  }
  chmodSync(path, 0o700);
}
