// Ctrl-C for commands that have something to tidy up: instead of ending the
// process, it aborts a signal, and the command ends in its own way.

/** Ctrl-C as a signal, until it is disposed of. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
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
