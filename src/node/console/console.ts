// The node's consoles, serial and screen: what a person in front of the machine
// wants to see of the log tree, in the handbook's format.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { printable } from "../../base/linux/console.ts";
import { type Entry, formatEntry, type LogTree } from "../../base/logtree/logtree.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { forConsole, isForConsole } from "./filter.ts";

/** The kernel's list of consoles, such as `tty0 ttyS0`. */
const ACTIVE = "/sys/class/tty/console/active";

/** How much of the past a console shows when it starts. */
const BACKLOG = 200;

/** Writes to every console for as long as the node runs. */
export function consoles(devices = activeConsoles(), folder = "/dev"): Runnable {
  return async ({ tree, healthy, done, run }) => {
    // Each in a group of its own: one that cannot be written must not silence the others.
    for (const name of devices) run(runnableName(name), oneConsole(join(folder, name), tree));
    healthy();
    done();
  };
}

/** The consoles named on the kernel's command line, by their device names. */
export function activeConsoles(path = ACTIVE): readonly string[] {
  return readFileSync(path, "utf8")
    .split(/\s+/)
    .filter((name) => name !== "");
}

/** Names of runnables are letters and digits; those of files may have dots. */
function runnableName(device: string): string {
  return device.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

function oneConsole(path: string, tree: LogTree): Runnable {
  return async ({ signal, healthy }) => {
    // Where a file stands for the console, what it shows is added to.
    const device = openSync(path, "a");
    try {
      const { backlog, stream } = tree.read({
        dn: "",
        withChildren: true,
        backlog: BACKLOG,
        stream: true,
      });
      signal.addEventListener("abort", () => stream.close(), { once: true });
      healthy();
      for (const entry of backlog) show(device, entry);
      for await (const entry of stream) show(device, entry);
      signal.throwIfAborted();
    } finally {
      closeSync(device);
    }
  };
}

function show(device: number, entry: Entry): void {
  if (!isForConsole(entry)) return;
  writeSync(device, `${printable(formatEntry(forConsole(entry))).replaceAll("\n", "\r\n")}\r\n`);
}
