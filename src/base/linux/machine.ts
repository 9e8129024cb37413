// What the kernel says about the machine and this boot of it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A random id that changes with every boot. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Whether the processor is QEMU's own, which translates instructions and is slow. */
export function isTranslated(path = "/proc/cpuinfo"): boolean {
  return readFileSync(path, "utf8").includes("QEMU TCG CPU");
}

/** How many times longer a machine whose instructions are translated takes, as a rule. */
const TRANSLATED = 10;
let known: number | undefined;

/**
 * By what to multiply times that are meant for machines of their own, so that one that is only
 * slow is not taken for dead.
 */
export function slowness(): number {
  known ??= isTranslated() ? TRANSLATED : 1;
  return known;
}

/** Seconds since the kernel started. */
export function uptimeSeconds(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
}

/** What the firmware calls the machine. Absent fields are empty. */
export interface Dmi {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly firmwareVersion: string;
}

/** Reads the firmware's description of the machine. */
export function dmi(root = "/sys/class/dmi/id"): Dmi {
  const field = (name: string) => {
    const path = join(root, name);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  };
  return {
    vendor: field("sys_vendor"),
    product: field("product_name"),
    serial: field("product_serial"),
    firmwareVersion: field("bios_version"),
  };
}

/**
 * Splits a kernel command line; quotes keep spaces together and stay out of the words.
 *
 * Only up to `--`, where the kernel stops reading as well: what follows may be anybody's.
 */
export function parseCommandLine(text: string): readonly string[] {
  const words: readonly string[] = text.trim().match(/(?:[^\s"]+|"[^"]*")+/g) ?? [];
  const end = words.indexOf("--");
  return (end === -1 ? words : words.slice(0, end)).map((word) => word.replaceAll('"', ""));
}

/** The kernel command line's words. */
export function commandLine(): readonly string[] {
  return parseCommandLine(readFileSync("/proc/cmdline", "utf8"));
}
