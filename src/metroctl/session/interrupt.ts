// Ctrl-C for commands that have something to tidy up: instead of ending the
// process, it aborts a signal, and the command ends in its own way.

/** As the shell counts a program that SIGINT ended. */
export const INTERRUPTED = 130;

/** Ctrl-C as a signal, until it is disposed of. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/** Lets Ctrl-C end a command that only reads: it leaves nothing to say, or to finish. */
export function endByInterrupt(): void {
  process.removeAllListeners("SIGINT").once("SIGINT", () => process.exit(INTERRUPTED));
}

/** Takes Ctrl-C over; a second one ends the process as usual. */
export function interrupt(): Interrupt {
  const before = process.listeners("SIGINT");
  const controller = new AbortController();
  const onInterrupt = () => controller.abort();
  process.removeAllListeners("SIGINT").once("SIGINT", onInterrupt);
  const restore = () => {
    process.off("SIGINT", onInterrupt);
    for (const listener of before) process.on("SIGINT", listener);
  };
  controller.signal.addEventListener("abort", restore, { once: true });
  return { signal: controller.signal, [Symbol.dispose]: restore };
}
