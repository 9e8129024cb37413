// PID 1: from the first instruction to the node agent or installer, and shutting down.
//
//   mounts, settings ─▶ reaper, watchdog ─▶ agent ──exit 64, 65──▶ shutdown ─▶ reboot(2)
//                                            ▲  │                     ▲
//                                    backoff └──┘ crash               │
//                               Ctrl-Alt-Del, power button, SIGTERM ──┘
//
// It stays small and cannot fail: whatever goes wrong is said in a line on the console, and it
// goes on. Nothing of ours but this process takes the machine down. What it has to say reaches the
// log tree through the agent, which gets it on standard input.
import { rmSync } from "node:fs";
import { confinedCommand } from "../base/confinement/confinement.ts";
import { Consoles, consoleDevices } from "../base/linux/console.ts";
import { commandLine } from "../base/linux/machine.ts";
import { errorText } from "../base/logtree/logtree.ts";
import { type DialogOptions, roleCommand } from "../base/process/process.ts";
import { confinementOf, programs } from "../image/image.ts";
import { Journal } from "./journal.ts";
import { mainLoop } from "./main-loop.ts";
import { prepare } from "./prepare.ts";
import { chooseRole, type Role } from "./role.ts";
import { logUncaught } from "./uncaught.ts";

const UNSHARE = "/usr/bin/unshare";
const SETPRIV = "/usr/bin/setpriv";
/** Where filters of system calls lie while the system runs. */
const FILTERS = "/run/filters";
/**
 * Threads in which files are read. Else there is one for each processor, and two at least: as many
 * disks that do not answer would keep the agent from reading anything, its own disk too. They are
 * made when all others are busy.
 */
const THREADS = { UV_THREADPOOL_SIZE: "64" };

/** How the agent is started. */
type Command = Pick<DialogOptions, "argv" | "argv0" | "env">;

/** Runs until the machine ends. */
export async function main(): Promise<void> {
  const journal = new Journal(new Consoles(["/dev/console"]));
  logUncaught(journal.log);
  try {
    prepare(journal.log);
    // Only now does the kernel tell us which consoles there are.
    journal.moveTo(new Consoles(consoleDevices()));
    const role = chooseRole();
    const isVerbose = commandLine().includes("verbose");
    await mainLoop({ role, command: () => commandFor(role), journal, isVerbose });
  } catch (error) {
    journal.log.fatal(`Init failed: ${errorText(error)}. Switch the machine off and on again`);
  }
  // To return would be a kernel panic, and nobody could read the line above.
  await new Promise(() => setInterval(() => {}, 60_000));
}

/**
 * What starts the agent. The node's has a row in the table of programs; the installer, which lives
 * once and for a minute, on a machine that nobody knows yet, is as `init` itself.
 *
 * To be asked before each start: an agent that somebody took over may have left anything below
 * /run, and the next one is started with all that `init` may.
 */
export function commandFor(role: Role, filters: string = FILTERS): Command {
  const row = programs[role];
  if (row === undefined) return withThreads(roleCommand(role));
  rmSync(filters, { recursive: true, force: true });
  const command = confinedCommand({ setpriv: SETPRIV, filters }, confinementOf(row), [row.path]);
  return withThreads({ argv: withOwnMounts(command) });
}

function withThreads(command: Command): Command {
  return { ...command, env: { ...command.env, ...THREADS } };
}

/**
 * Runs a command with mounts of its own. It may mount, and what it lays over our programs would be
 * what we start next; so nobody else sees it, and all of it ends with the command's last process.
 */
export function withOwnMounts(argv: readonly string[], unshare = UNSHARE): readonly string[] {
  return [unshare, "--mount", "--propagation", "private", "--", ...argv];
}
