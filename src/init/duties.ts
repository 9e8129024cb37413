// What PID 1 does all the time: reap orphans and pet the watchdog.
import { reapOrphans } from "../base/linux/reaper.ts";
import { Watchdog } from "../base/linux/watchdog.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";

/** A signal may be missed while another is handled; nothing waits longer than this. */
const REAP_PERIOD_MS = 1_000;

/** Longer than any honest pause of our event loop, shorter than an operator's patience. */
const WATCHDOG_SECONDS = 60;

/** Reaps orphans from now on. `own` gives the children that are not its business. */
export function startReaper(own: () => ReadonlySet<number>, log: Logger): void {
  const reap = () => {
    try {
      reapOrphans(own());
    } catch (error) {
      log.warning(`Could not reap: ${errorText(error)}; trying again`);
    }
  };
  process.on("SIGCHLD", reap);
  setInterval(reap, REAP_PERIOD_MS);
}

/** Arms the watchdog, if the machine has one, and pets it from now on. */
export function startWatchdog(log: Logger, path = "/dev/watchdog"): void {
  let watchdog: Watchdog;
  try {
    watchdog = new Watchdog(WATCHDOG_SECONDS, path);
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isAbsent) log.warning(`Could not arm the watchdog: ${errorText(error)}; going on`);
    return;
  }
  log.info(`Armed the watchdog: a hang of ${watchdog.timeoutSeconds} s resets the machine`);
  setInterval(() => watchdog.pet(), (watchdog.timeoutSeconds * 1_000) / 4);
}
