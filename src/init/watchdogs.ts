// Pets the watchdogs: a machine whose init hangs is reset.
import { Watchdog, watchdogPaths } from "../base/linux/watchdog.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";

/** Longer than any honest pause of our event loop, shorter than an operator's patience. */
const WATCHDOG_SECONDS = 60;

/**
 * Arms every watchdog that the machine has, and pets them from now on.
 *
 * All of them: the kernel's own runs since its start and wants to be held, firmware may have left
 * another one running, and which of them has the first number says nothing.
 */
export function startWatchdogs(log: Logger, folder = "/dev"): void {
  for (const path of watchdogPaths(folder)) startWatchdog(log, path);
}

function startWatchdog(log: Logger, path: string): void {
  try {
    const watchdog = new Watchdog(WATCHDOG_SECONDS, path);
    setInterval(() => watchdog.pet(), (watchdog.timeoutSeconds * 1_000) / 4);
    log.info(`Armed ${path}: a hang of ${watchdog.timeoutSeconds} s resets the machine`);
  } catch (error) {
    log.warning(`Could not arm ${path}: ${errorText(error)}; going on`);
  }
}
