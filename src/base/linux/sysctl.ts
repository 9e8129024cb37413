// Kernel settings below /proc/sys.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where a setting lives. Slashes in a name stand for dots in an interface's name, as usual. */
function pathOf(name: string): string {
  const swapped = name.replace(/[./]/g, (mark) => (mark === "." ? "/" : "."));
  return join("/proc/sys", swapped);
}

/** Reads a setting by its dotted name, such as `kernel.printk`. */
export function readSysctl(name: string): string {
  return readFileSync(pathOf(name), "utf8").trimEnd();
}

/** Changes a setting. */
export function writeSysctl(name: string, value: string): void {
  writeFileSync(pathOf(name), value);
}
