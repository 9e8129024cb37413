// Waiting for the time before anything is issued: nobody knows how wrong the clock of a machine is
// that was never switched on here. A network without time servers is no reason not to start.
import type { Surroundings } from "./attempt.ts";

/** Most machines know the time ten seconds after they have an address. */
const PATIENCE_MS = 60_000;

/** Waits until time servers keep the clock, but not for ever; says what goes on, and by which clock. */
export async function awaitTime(
  { isClockKept, log, signal }: Pick<Surroundings, "isClockKept" | "log" | "signal">,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  if (isClockKept.current === true) return;
  const clock = () => `the clock here says ${new Date().toISOString()}`;
  log.info(`Waiting for a time server before certificates are issued; ${clock()}`);
  try {
    const patience = AbortSignal.timeout(patienceMs);
    await isClockKept.first(AbortSignal.any([signal, patience]), (isKept) => isKept);
    log.info(`A time server has answered; ${clock()}`);
  } catch {
    signal.throwIfAborted();
    log.warning(`No time server has answered; certificates are issued although, and ${clock()}`);
  }
}
