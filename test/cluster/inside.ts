// A look into a node from within its network: what is in its etcd, where only the node
// itself may connect to, and how much memory its programs take.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { environment, run } from "../../src/base/process/process.ts";
import type { Machine } from "../../src/launcher/launcher.ts";
import { residentMib } from "./support.ts";

/** What an etcd holds. */
export interface Content {
  readonly keys: readonly string[];
  /** Names of its members. */
  readonly members: readonly string[];
}

/** All keys in the etcd on a machine, and its members. */
export async function etcdContent(machine: Machine, nodeId: string): Promise<Content> {
  const argv = inside(machine, "etcd-content.ts", machine.files.directory, nodeId);
  return JSON.parse((await run(argv, { env: environment() })).text);
}

/** The command that runs a program of this folder in the network of a machine. */
export function inside(machine: Machine, script: string, ...args: readonly string[]) {
  return inNetworkOf(machine, [process.execPath, join(import.meta.dir, script), ...args]);
}

/** A command as it runs in the network of a machine. */
export function inNetworkOf(machine: Machine, argv: readonly string[]): readonly string[] {
  const enter = ["nsenter", "--target", String(nodeProcess(machine)), "--net"];
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? [] : ["--user", "--preserve-credentials"];
  return [...enter, ...user, "--", ...argv];
}

/** The memory of the node agent and of the curator on a machine, in MiB. */
export function memoryOf(machine: Machine): Readonly<Record<string, number>> {
  const network = networkOf(String(nodeProcess(machine)));
  const own = processes().filter((pid) => networkOf(pid) === network);
  const roles = ["node", "curator"].map((role) => {
    const named = own.filter((each) => variables(each).includes(`METROPOLIS_ROLE=${role}`));
    // The shell that is the node's process 1 has the same variables, and next to no memory.
    return [role, Math.max(0, ...named.map((pid) => Math.round(residentMib(Number(pid)))))];
  });
  return Object.fromEntries(roles);
}

/** The node agent: the one process that was told its folder on the host, and its role. */
function nodeProcess({ files }: Machine): number {
  const pid = processes().find((each) => {
    const given = variables(each);
    const isAgent =
      read(each, "cmdline").includes("--programs") && !read(each, "comm").startsWith("sh");
    return given.includes(`FOLDER=${files.directory}`) && isAgent && !given.some(isScript);
  });
  if (pid === undefined) throw new Error(`no node agent runs in ${files.directory}`);
  return Number(pid);
}

/** Only the shells before the agent still carry their script. */
function isScript(variable: string): boolean {
  return variable.startsWith("INSIDE=");
}

function processes(): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

function variables(pid: string): readonly string[] {
  return read(pid, "environ").split("\0");
}

function networkOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
