// What setpriv(1) of util-linux 2.41 is told, so that a program starts with no more than it may have.
// setpriv becomes the program: no process stays behind, and the kernel holds the rest.
import { existsSync, statSync } from "node:fs";
import type { Capability } from "./capabilities.ts";

/** User and group, by number. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** What of the file system there is for a program; all below a path belongs to it. */
export interface View {
  readonly reads: readonly string[];
  /** May be read as well. */
  readonly writes: readonly string[];
  /** Folders whose names may be read, and those of the folders below, but no file. */
  readonly lists?: readonly string[];
  /** Programs that may be executed, its own among them. */
  readonly starts: readonly string[];
}

/** What setpriv is told. An absent part is left as it is with us. */
export interface Privileges {
  readonly account?: Account;
  readonly capabilities: readonly Capability[];
  /** Path of a filter of system calls. */
  readonly filter?: string;
  readonly view?: View;
}

const READ = "read-file,read-dir";
const EXECUTE = `execute,${READ}`;
const WRITE = [
  ...["read-file", "read-dir", "write-file", "truncate", "refer", "remove-dir", "remove-file"],
  ...["make-dir", "make-reg", "make-sock", "make-fifo", "make-sym"],
].join();
const WRITE_FILE = "read-file,write-file,truncate";
/** Nodes of disks are made where they belong, and no others: the TPM is one. */
const WRITE_DEVICES = `${WRITE},make-block`;

/** The arguments of setpriv before the program; what a view names and is not there gives nothing. */
export function setprivArguments(privileges: Privileges): readonly string[] {
  const { account, filter, view } = privileges;
  return [
    "--no-new-privs",
    ...(account === undefined ? [] : accountArguments(account)),
    ...capabilityArguments(privileges),
    ...(view === undefined ? [] : viewArguments(view)),
    ...(filter === undefined ? [] : ["--seccomp-filter", filter]),
    "--",
  ];
}

function accountArguments({ uid, gid }: Account): readonly string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
}

/** Root gets all that it is bounded by; others get only what is ambient. */
function capabilityArguments({ account, capabilities }: Privileges): readonly string[] {
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join();
  const isRoot = (account?.uid ?? 0) === 0;
  const passed = isRoot ? "-all" : set;
  return [`--inh-caps=${passed}`, `--ambient-caps=${passed}`, `--bounding-set=${set}`];
}

function viewArguments({ reads, writes, lists = [], starts }: View): readonly string[] {
  const rules = [
    ...reads.map((path) => [READ, "read-file", path] as const),
    ...lists.map((path) => ["read-dir", "", path] as const),
    ...writes.map((path) => [writing(path), WRITE_FILE, path] as const),
    ...starts.map((path) => [EXECUTE, "execute,read-file", path] as const),
  ];
  return [
    ...["--landlock-access", "fs"],
    ...rules
      .filter(([, , path]) => existsSync(path))
      .flatMap(([ofFolder, ofFile, path]) => [
        "--landlock-rule",
        `path-beneath:${isFolder(path) ? ofFolder : ofFile}:${path}`,
      ]),
  ];
}

/** The kernel refuses rules with the rights of a folder on anything else. */
function isFolder(path: string): boolean {
  return statSync(path).isDirectory();
}

function writing(folder: string): string {
  return folder.startsWith("/dev/") ? WRITE_DEVICES : WRITE;
}
