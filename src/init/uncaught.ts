// What PID 1 does about errors that nobody caught: its own end would be a kernel panic.
import { errorText, type Logger } from "../base/logtree/logtree.ts";

/** From now on, what is thrown and not caught anywhere is logged, and init goes on. */
export function logUncaught(log: Logger): void {
  for (const kind of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(kind, (error: unknown) => {
      log.error(`Init goes on after an unexpected error: ${errorText(error)}`);
    });
  }
}
