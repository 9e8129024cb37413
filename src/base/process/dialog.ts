// A child that one talks with line by line, for PID 1, which starts the node agent without a
// supervision tree. Everything that fits such a tree uses `program`.
import type { ExitStatus } from "./child.ts";
import { environment } from "./environment.ts";
import { eachLine } from "./lines.ts";
import { own } from "./own-pids.ts";
import { waitAtMost } from "./wait-at-most.ts";
import { writeText } from "./write-text.ts";

/** Longest line taken whole; a longer one is cut. */
const LINE_BYTES = 4_096;

/** How long output may go on after the child's end: a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 500;

/** What a child starts with, and who listens. */
export interface DialogOptions {
  readonly argv: readonly string[];
  /** The name it finds itself started under. */
  readonly argv0?: string;
  /** See `environment`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Control group in which it starts, as a path. */
  readonly cgroup?: string;
  onStdout(line: string): void;
  onStderr(line: string): void;
}

/** A started child. */
export interface Dialog {
  readonly pid: number;
  /** Settles when the child has ended and its output was heard; never rejects. */
  readonly ended: Promise<ExitStatus>;
  /** Writes a line to its stdin; lost if it has ended. Never throws. */
  send(line: string): void;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a program in a session of its own; throws if it cannot be started. */
export function startDialog(options: DialogOptions): Dialog {
  const { argv, argv0, env, cgroup, onStdout, onStderr } = options;
  const child = Bun.spawn([...argv], {
    env: environment(env),
    ...(argv0 !== undefined && { argv0 }),
    ...(cgroup !== undefined && { cgroup }),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  own(child.pid, child.exited);
  const output = Promise.allSettled([
    eachLine(child.stdout, onStdout, LINE_BYTES),
    eachLine(child.stderr, onStderr, LINE_BYTES),
  ]);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid,
    ended: ended(child, output),
    send: (line) => {
      if (isAlive()) writeText(child.stdin, `${line}\n`);
    },
    kill: (signal) => {
      if (isAlive()) child.kill(signal);
    },
  };
}

async function ended(child: Bun.Subprocess, output: Promise<unknown>): Promise<ExitStatus> {
  // A rejection would mean that someone else took the child's status: then nobody knows it.
  await child.exited.catch(() => undefined);
  await waitAtMost(output, LAST_OUTPUT_MS);
  const { exitCode, signalCode } = child;
  return { exitCode, signal: signalCode === null ? null : String(signalCode) };
}
