// Programs that run for as long as a runnable does: dhcpcd, chronyd, etcd.
import { within } from "../event/event.ts";
import type { Context, Runnable } from "../supervisor/supervisor.ts";
import { describe, ExitError } from "./exit-error.ts";
import { type Group, type StartOptions, startGroup } from "./group.ts";
import { eachLine } from "./lines.ts";
import { describePrivileges } from "./privileges.ts";
import { waitAtMost } from "./wait-at-most.ts";

/** How long a program may take to end by default. */
const GRACE_MS = 5_000;

/**
 * A program that dies younger than this was never healthy: so one that cannot
 * start is tried again with pauses that grow, instead of twice a second for ever.
 */
const YOUNG_MS = 1_000;

/** How long output may come after the end, from processes that escaped. */
const LINGER_MS = 1_000;

/** How many characters of stderr are kept for the error. */
const STDERR_TAIL = 2_000;

/** A program and what to do with what it says. */
export interface ProgramOptions extends StartOptions {
  /** How long it may take to end when asked to; then it is killed. */
  readonly graceMs?: number;
  /** Takes each line of stdout; absent, lines are logged raw. */
  readonly onStdout?: (line: string) => void;
  /** Takes each line of stderr; absent, lines are logged raw. */
  readonly onStderr?: (line: string) => void;
  /** Hears of the program once it runs; `send` writes to its stdin, where that is a pipe. */
  readonly onStart?: (pid: number, send: (text: string) => void) => void;
  /** False where the runnable around it says itself that it is healthy. */
  readonly signalsHealthy?: boolean;
}

/**
 * A runnable that is a program: healthy once it has lived for a second, ended with all its
 * children when the signal aborts. A program that ends by itself, with
 * whatever code, is an {@link ExitError}.
 */
export function program(options: ProgramOptions): Runnable {
  return async (context) => {
    const group = startGroup(options);
    try {
      options.onStart?.(group.pid, group.send);
      context.log.info(`Started ${group.program} as process ${group.pid}`);
      tellWhatItMay(group, context);
      await attend(group, context, options);
    } finally {
      // Whatever went wrong here, and whatever it left behind: nothing stays.
      group.kill();
    }
  };
}

/** Says what the program may do, once it is itself and no more on its way there. */
function tellWhatItMay({ program, pid, exited }: Group, { log }: Context): void {
  const timer = setTimeout(() => {
    const words = describePrivileges(pid);
    if (words !== undefined) log.info(`${program} runs as ${words}`);
  }, YOUNG_MS);
  void exited.then(() => clearTimeout(timer));
}

/** Stays with a running program until its end; always throws. */
async function attend(group: Group, context: Context, options: ProgramOptions): Promise<never> {
  const said = new Tail();
  const onStdout = options.onStdout ?? logRaw(context);
  const onStderr = options.onStderr ?? logRaw(context);
  const reading = Promise.all([
    eachLine(group.stdout, onStdout),
    eachLine(group.stderr, (line) => {
      said.add(line);
      onStderr(line);
    }),
  ]);
  // The end of output means nothing, but a parser that throws ends the program.
  const broken = reading.then(() => Promise.withResolvers<never>().promise);
  let grown: Timer | undefined;
  try {
    if (options.signalsHealthy ?? true) grown = setTimeout(context.healthy, YOUNG_MS);
    const status = await within(Promise.race([group.exited, broken]), context.signal);
    group.kill();
    await waitAtMost(reading, LINGER_MS);
    throw new ExitError(group.program, status, said.text);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    const status = await group.terminate(options.graceMs ?? GRACE_MS);
    await waitAtMost(reading, LINGER_MS);
    context.log.info(`${group.program} ${describe(status)}`);
    throw error;
  } finally {
    clearTimeout(grown);
  }
}

/** Logs lines raw, each stream in a buffer of its own, so that they do not mix within a line. */
function logRaw({ tree, dn }: Context): (line: string) => void {
  const raw = tree.raw(dn);
  return (line) => raw.write(`${line}\n`);
}

/** The last lines of what a program said. */
class Tail {
  text = "";

  add(line: string): void {
    this.text = `${this.text}${line}\n`.slice(-STDERR_TAIL);
  }
}
