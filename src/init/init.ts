// PID 1: from the first instruction to the node agent or installer, and the way down.
//
//   mounts, settings ─▶ reaper, watchdog ─▶ agent ──exit 64, 65──▶ way down ─▶ reboot(2)
//                                            ▲  │                     ▲
//                                    backoff └──┘ crash               │
//                               Ctrl-Alt-Del, power button, SIGTERM ──┘
//
// It stays small and cannot fail: whatever goes wrong is said in a line on the console, and life
// goes on. Nothing of ours but this process takes the machine down. What it has to say reaches the
// log tree through the agent, which gets it on standard input.
import { Consoles, consoleDevices } from "../base/linux/console.ts";
import { commandLine } from "../base/linux/machine.ts";
import { errorText } from "../base/logtree/logtree.ts";
import { roleCommand } from "../base/process/process.ts";
import { guard } from "./guard.ts";
import { Journal } from "./journal.ts";
import { live } from "./life.ts";
import { prepare } from "./prepare.ts";
import { chooseRole } from "./role.ts";

/** Runs until the machine ends. */
export async function main(): Promise<void> {
  const journal = new Journal(new Consoles(["/dev/console"]));
  guard(journal.log);
  try {
    prepare(journal.log);
    // Only now does the kernel tell us which consoles there are.
    journal.moveTo(new Consoles(consoleDevices()));
    const role = chooseRole();
    const isVerbose = commandLine().includes("verbose");
    await live({ role, command: roleCommand(role), journal, isVerbose });
  } catch (error) {
    journal.log.fatal(`Init failed: ${errorText(error)}. Switch the machine off and on again`);
  }
  // To return would be a kernel panic, and nobody could read the line above.
  await new Promise(() => setInterval(() => {}, 60_000));
}
