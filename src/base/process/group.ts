// Programs with all that they start themselves: a process group, or a cgroup.
//
// Killing a program is not killing its children, and a child that lives on may
// hold pipes, ports and mounts. So every program leads a process group, and one
// with a cgroup takes all of that along, whatever sessions its children made.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ExitStatus } from "./child.ts";
import { confined } from "./confine.ts";
import { environment } from "./environment.ts";
import { ExitError } from "./exit-error.ts";
import { killAtExit } from "./kill-at-exit.ts";
import { own } from "./own-pids.ts";
import { signalGroup } from "./signal-group.ts";
import { waitAtMost } from "./wait-at-most.ts";
import { writeText } from "./write-text.ts";

/** What a program is started with. */
export interface StartOptions {
  /** The program, by path or by PATH of its environment, and its arguments: no secrets. */
  readonly argv: readonly string[];
  /** What it finds as its own name, the role for our own executable. */
  readonly argv0?: string;
  /** What we call it; absent: the name that it is started under. */
  readonly program?: string;
  /** See `environment`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A cgroup directory, made if missing; it is the program's own and emptied at its end. */
  readonly cgroup?: string;
  /** What it reads on stdin; `pipe` keeps stdin open for as long as we live. */
  readonly stdin?: Uint8Array | string | "pipe";
}

/** A running program. */
export interface Group {
  /** Its name, for messages. */
  readonly program: string;
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when the program itself ends; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Writes to stdin, where that is a pipe; lost if the program has ended. Never throws. */
  send(text: string): void;
  /** Ends everything at once, also what the program left behind. Again does nothing. */
  kill(): void;
  /** Asks the program to end, and ends everything after `graceMs`. */
  terminate(graceMs: number): Promise<ExitStatus>;
}

/** Starts a program in a group of its own. Throws {@link ExitError} if it cannot be started. */
export function startGroup(options: StartOptions): Group {
  const program = options.program ?? basename(options.argv0 ?? options.argv[0] ?? "");
  const child = spawn(program, confined(program, options));
  const { pid } = child;
  const exited = child.exited.then(() => ({
    exitCode: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
  }));
  own(pid, exited);
  killAtExit(pid, exited);
  const kill = killOnce(pid, options.cgroup);
  const terminate = async (graceMs: number) => {
    signalGroup(pid, "SIGTERM");
    await waitAtMost(exited, graceMs);
    kill();
    return exited;
  };
  const { stdin, stdout, stderr } = child;
  const send = (text: string) => {
    if (typeof stdin === "object" && child.exitCode === null) writeText(stdin, text);
  };
  return { program, pid, stdout, stderr, exited, send, kill, terminate };
}

function spawn(program: string, options: StartOptions) {
  const { argv, argv0, env, cwd, uid, gid, cgroup, stdin } = options;
  if (cgroup !== undefined) mkdirSync(cgroup, { recursive: true });
  try {
    return Bun.spawn([...argv], {
      env: environment(env),
      stdin: stdinOf(stdin),
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(cgroup === undefined ? {} : { cgroup }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(program, { exitCode: null, signal: null }, reason, "could not be started");
  }
}

function stdinOf(stdin: Uint8Array | string | undefined): "ignore" | "pipe" | Uint8Array {
  if (stdin === undefined) return "ignore";
  if (stdin === "pipe") return "pipe";
  return typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
}

/** Once only: long after the end the number may belong to somebody else. */
function killOnce(group: number, cgroup: string | undefined): () => void {
  let isKilled = false;
  return () => {
    if (isKilled) return;
    isKilled = true;
    signalGroup(group, "SIGKILL");
    // Only version 2 of cgroups has this file; elsewhere the process group has to do.
    const file = cgroup === undefined ? undefined : join(cgroup, "cgroup.kill");
    if (file !== undefined && existsSync(file)) writeFileSync(file, "1");
  };
}
