// What a process takes of the machine: its memory, and its time on processors (proc_pid_stat(5)).
import { readFileSync } from "node:fs";

/** What a process has used up to now. */
export interface ProcessUsage {
  /** By which it was started, without the folder: what it is here, whoever's executable it is. */
  readonly name: string;
  /** Resident, what it shares with others included. */
  readonly memoryBytes: number;
  /** On all processors together, since it started. */
  readonly cpuMs: number;
}

/** Linux counts the time of processes in hundredths of a second, whatever its own clock does. */
const TICK_MS = 10;

/** Texts of files below a process's folder in /proc. */
export interface UsageFiles {
  readonly cmdline: string;
  readonly stat: string;
  readonly status: string;
}

/** Reads the texts of these files. */
export function parseProcessUsage({ cmdline, stat, status }: UsageFiles): ProcessUsage {
  // The kernel's own name, in parentheses, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const memory = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0;
  // Some write more about themselves behind it, as dhcpcd does: `dhcpcd: [manager] [ip4]`.
  const [path = ""] = /^[^\0\s:]+/.exec(cmdline) ?? [];
  return {
    name: path.slice(path.lastIndexOf("/") + 1),
    memoryBytes: Number(memory) * 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
  };
}

/** What a process has used; undefined where it has ended. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8");
    const [cmdline, stat, status] = [read("cmdline"), read("stat"), read("status")];
    return parseProcessUsage({ cmdline, stat, status });
  } catch {
    // It has ended, or there is no /proc as Linux has it.
    return undefined;
  }
}
