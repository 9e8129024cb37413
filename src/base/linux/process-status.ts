// What the kernel says of a process: as whom it runs, and what it may (proc_pid_status(5)).
import { readFileSync } from "node:fs";

/** Whose a process is, and what it may do. */
export interface ProcessStatus {
  readonly uid: number;
  /** Capabilities it has, and those it can have at most; in hexadecimal, as the kernel writes them. */
  readonly capabilities: string;
  readonly bounding: string;
  readonly hasNoNewPrivileges: boolean;
  /** How many filters stand before its system calls. */
  readonly filters: number;
}

/** Reads the text of a status file. */
export function parseProcessStatus(text: string): ProcessStatus {
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(text)?.[1] ?? "";
  return {
    uid: Number(field("Uid")),
    capabilities: field("CapEff"),
    bounding: field("CapBnd"),
    hasNoNewPrivileges: field("NoNewPrivs") === "1",
    filters: Number(field("Seccomp_filters")),
  };
}

/** The status of a process; undefined where it has ended. */
export function processStatus(pid: number): ProcessStatus | undefined {
  try {
    return parseProcessStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // It has ended, or there is no /proc as Linux has it.
    return undefined;
  }
}
