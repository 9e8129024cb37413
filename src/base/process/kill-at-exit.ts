// Sees to it that programs do not outlive us, as far as a process can: they
// live in process groups of their own, so nothing else would end them.
// What SIGKILL leaves behind, others clean up: init by cgroup, test clusters
// by their pid namespace.
import { signalGroup } from "./signal-group.ts";

const groups = new Set<number>();

/** Signals that end us unless somebody else handles them. */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ends the process group if we end before `exited` settles. */
export function killAtExit(group: number, exited: Promise<unknown>): void {
  if (groups.size === 0) listen();
  groups.add(group);
  const release = () => {
    groups.delete(group);
    if (groups.size === 0) unlisten();
  };
  void exited.then(release, release);
}

function listen(): void {
  process.on("exit", killAll);
  for (const signal of signals) process.on(signal, onSignal);
}

// Listeners change what a signal does to us, so they stand only while needed.
function unlisten(): void {
  process.off("exit", killAll);
  for (const signal of signals) process.off(signal, onSignal);
}

function killAll(): void {
  for (const group of groups) signalGroup(group, "SIGKILL");
}

function onSignal(signal: NodeJS.Signals): void {
  // Somebody else handles it, and decides what becomes of the programs.
  if (process.listenerCount(signal) > 1) return;
  killAll();
  unlisten();
  process.kill(process.pid, signal);
}
