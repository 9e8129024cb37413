// A child process with its handle: for owners that send signals of their own
// choice and wait themselves, such as the launcher, which pulls the plug of a
// virtual machine. Everything that fits a supervision tree uses `program`.
import { closeSync, openSync } from "node:fs";
import { own } from "./own-pids.ts";

/** How a child ended: by itself with a code, or by a signal. */
export interface ExitStatus {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A started child. */
export interface Child {
  readonly pid: number;
  /** Settles once, never rejects. */
  readonly exited: Promise<ExitStatus>;
  isAlive(): boolean;
  /** Sends a signal to the child alone; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Says something down the lifeline. */
  tell(text: string): Promise<void>;
}

/** What a child starts with. */
export interface ChildOptions {
  readonly argv0?: string;
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error are appended to this file; without it they are dropped. */
  readonly log?: string;
  /** A pipe that closes when this process ends in whatever way, so the child can notice. */
  readonly lifeline?: boolean;
  /** A session of its own: Ctrl-C in our terminal does not reach it, and it may outlive us. */
  readonly detached?: boolean;
}

/** Starts a program, found by its path or by PATH of the given environment. */
export function startChild(argv: readonly string[], options: ChildOptions): Child {
  const { argv0, cwd, env, log, lifeline = false, detached = false } = options;
  const output = log === undefined ? "ignore" : openSync(log, "a", 0o600);
  try {
    const child = Bun.spawn([...argv], {
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...env },
      stdin: lifeline ? "pipe" : "ignore",
      stdout: output,
      stderr: output,
      detached,
    });
    // A detached child must not keep our event loop, and so our process, alive.
    if (detached) child.unref();
    return handle(child);
  } finally {
    if (typeof output === "number") closeSync(output);
  }
}

/** Keeps lifelines open: their pipe would close with the collected object. */
const living = new Set<Bun.Subprocess>();

function handle(child: Bun.Subprocess): Child {
  living.add(child);
  own(child.pid, child.exited);
  void child.exited.then(() => living.delete(child));
  const exited = child.exited.then(() => ({
    exitCode: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
  }));
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid,
    exited,
    isAlive,
    kill: (signal) => {
      if (isAlive()) child.kill(signal);
    },
    tell: async (text) => {
      const { stdin } = child;
      if (typeof stdin !== "object" || stdin === null) return;
      stdin.write(text);
      await stdin.flush();
    },
  };
}
