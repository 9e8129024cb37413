// Signals to process groups.

/** Nobody is left, or only processes that took another user's rights. */
const harmless = ["ESRCH", "EPERM"];

/** Sends a signal to a process group; one that has ended is fine. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!harmless.includes(code)) throw error;
  }
}
