// Reaps orphans, which is for PID 1 alone to do.
import { reapOrphans } from "../base/linux/reaper.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";

/** A signal may be missed while another is handled; nothing waits longer than this. */
const REAP_PERIOD_MS = 1_000;

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
